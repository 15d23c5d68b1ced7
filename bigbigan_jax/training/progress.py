"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta

from tqdm import tqdm


class Progress:
    """Counts steps, images and the time spent waiting for data, from its creation on."""

    def __init__(self, start: int, steps: int, images_per_step: int, devices: int, shown: bool):
        """Starts the clock.

        Args:
          start: number of finished steps.
          steps: number of steps of the whole run.
          images_per_step: images that all devices together take in a step.
          devices: number of devices.
          shown: whether to print (on process 0 alone).
        """
        self._steps, self._images_per_step, self._devices = steps, images_per_step, devices
        self._shown, self._is_terminal = shown, sys.stdout.isatty()
        self._bar = None
        if shown and self._is_terminal:
            self._bar = tqdm(total=steps, initial=start, unit="step", file=sys.stdout)
        self._waiting = 0.0
        self._since, self._since_step = time.perf_counter(), start

    def steps_done(self, count: int = 1) -> None:
        """Moves the bar by so many steps."""
        if self._bar:
            self._bar.update(count)

    @contextlib.contextmanager
    def waiting_for_data(self) -> Iterator[None]:
        """Counts the time spent in the context as waiting for data."""
        began = time.perf_counter()
        yield
        self._waiting += time.perf_counter() - began

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Leaves the time spent in the context out of the rates."""
        began = time.perf_counter()
        yield
        self._since += time.perf_counter() - began

    def rates(self, step: int) -> dict[str, float]:
        """Images a second, also per device, and the share of time waiting for data, since the
        last call."""
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        per_second = (step - self._since_step) * self._images_per_step / seconds
        waiting = self._waiting / seconds
        self._since, self._since_step, self._waiting = now, step, 0.0
        return {
            "images_per_second": per_second,
            "images_per_second_per_device": per_second / self._devices,
            "waiting_for_data": waiting,
        }

    def show(self, step: int, scalars: Mapping[str, float]) -> None:
        """Prints losses, rates and the time to go."""
        if not self._shown:
            return
        losses = {name: scalars[name] for name in scalars if name in ("loss/D", "loss/EG")}
        if self._bar:
            shown = {name: f"{value:.3f}" for name, value in losses.items()}
            shown["waiting for data"] = f"{scalars['waiting_for_data']:.1%}"
            self._bar.set_postfix(shown)
            return
        rate = scalars["images_per_second"]
        left = (self._steps - step) * self._images_per_step / max(rate, 1e-9)
        shown = [f"step {step}/{self._steps}"]
        shown += [f"{name} {value:.3f}" for name, value in losses.items()]
        shown += [
            f"{rate:.0f} images/s ({scalars['images_per_second_per_device']:.0f} a device)",
            f"waiting for data {scalars['waiting_for_data']:.1%}",
            f"ETA {timedelta(seconds=round(left))}",
        ]
        print(", ".join(shown), flush=True)

    def note(self, text: str) -> None:
        """Prints a line, above the bar where there is one."""
        if self._shown:
            (self._bar.write if self._bar else print)(text)
            sys.stdout.flush()

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar:
            self._bar.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
