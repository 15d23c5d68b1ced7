"""Counting in the text of HLO modules."""

import pytest

from bigbigan_jax.plan.hlo import Collective, collectives, count, size_of

# Shortened from what libtpu writes; the asynchronous forms are XLA's.
MODULE = """HloModule jit_update, is_scheduled=true

%add (x: f32[], y: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%x, %y)
}

%all-reduce-scatter.3 (input: f32[8,128]) -> f32[2,128] {
  %input = f32[8,128]{1,0:T(8,128)} parameter(0)
  %all-reduce.9 = f32[8,128]{1,0:T(8,128)} all-reduce(%input), to_apply=%add
  ROOT %slice = f32[2,128]{1,0:T(8,128)} dynamic-slice(%all-reduce.9), sizes={2,128}
}

%async_computation (p: f32[8]) -> f32[2] {
  ROOT %scatter = f32[2]{0:T(256)} reduce-scatter(%p), dimensions={0}, to_apply=%add
}

ENTRY %main (p: f32[8]) -> f32[64] {
  %all-reduce.1 = (f32[64]{0:T(256)}, bf16[3,3,1,64]{3,2,1,0:T(8,128)(2,1)S(1)}, /*index=2*/f32[]{:T(128)}) all-reduce(%a, %b, %c), to_apply=%add, metadata={op_name="jit(f)/all-reduce(x)"}
  %ar-start = f32[16]{0} all-reduce-start(%p), to_apply=%add
  %ar-done = f32[16]{0} all-reduce-done(%ar-start)
  %ag-start = (bf16[4,8]{1,0}, bf16[16,8]{1,0}) all-gather-start(%p), dimensions={0}
  %ag-done = bf16[16,8]{1,0} all-gather-done(%ag-start)
  %cp-start = (u8[10]{0}, u8[10]{0}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%p)
  %cp-done = u8[10]{0} collective-permute-done(%cp-start)
  %a2a = (f32[4]{0}, f32[4]{0}) all-to-all(%p, %p), replica_groups={{0,1}}
  %rs-start = ((f32[8]), f32[2], u32[]) async-start(%p), calls=%async_computation
  %rs-done = f32[2] async-done(%rs-start)
  %fusion = f32[2,128]{1,0} fusion(%p), kind=kCustom, calls=%all-reduce-scatter.3, backend_config={"estimated_cycles":"120"}
  %convert = f32[8] fusion(%p), kind=kLoop, backend_config={"window":{},"estimated_cycles":"2448"}
  %gte = f32[64]{0} get-tuple-element(%all-reduce.1), index=0
  %bits = f32[8] custom-call(%p), custom_call_target="ConcatBitcast"
  %kernel = f32[8] custom-call(%p), custom_call_target="tpu_custom_call", backend_config={}
  ROOT %loop = f32[64] while(%gte), condition=%c, body=%b
}
"""  # noqa: E501


def test_collectives_are_counted_once_wherever_they_are():
    assert collectives(MODULE, devices=4) == {
        "all-reduce": Collective(2, 64 * 4 + 9 * 64 * 2 + 4 + 16 * 4),
        "reduce-scatter": Collective(2, 8 * 128 * 4 // 4 + 8),
        "all-gather": Collective(1, 16 * 8 * 2),
        "collective-permute": Collective(1, 10),
        "all-to-all": Collective(1, 32),
    }


def test_a_collective_beside_several_computations_is_counted_once():
    """As v5e and later have it; the ids of another kind or channel are others."""
    gather = "  %ag.{} = bf16[16]{{0}} all-gather(%p), channel_id={}, dimensions={{0}}\n"
    reduce = "  %ar = f32[8]{0} all-reduce(%p), channel_id=3, to_apply=%add\n"
    text = "".join(gather.format(i, channel) for i, channel in enumerate((3, 3, 31))) + reduce
    assert collectives(text, devices=4) == {
        "all-gather": Collective(2, 64),
        "all-reduce": Collective(1, 32),
    }


def test_what_else_is_counted():
    found = count(MODULE, devices=4)
    assert (found.unknown, found.kernels, found.loops) == (1, 1, 1)
    assert found.estimated_cycles == 2568
    assert found.instructions == MODULE.count(" = ")


def test_a_module_without_any():
    found = count(
        "HloModule empty\n\nENTRY %main () -> f32[] {\n  ROOT %c = f32[] constant(0)\n}\n", 1
    )
    assert found.collectives == {} and found.instructions == 1 and not found.estimated_cycles


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("f32[]", 4),
        ("bf16[2,3]{1,0:T(8,128)(2,1)}", 12),
        ("pred[5]", 5),
        ("s4[6]", 3),
        ("c64[2]", 16),
        ("f8e4m3fn[7]{0}", 7),
        ("(u32[2]{0:S(2)}, token[], f32[0,4])", 8),
    ],
)
def test_size_of(shape, expected):
    assert size_of(shape) == expected
