"""What to set in the environment, before JAX is imported, to compile for TPUs without one."""

import os

# The compiler recurses through its instructions. In its threads, with the stack that they have by
# default, compiling a step for v6e overflows it, which ends the process.
_STACK = "--fibers_default_thread_stack_size=268435456"

# JAX and libtpu read these when they load: no TPU is looked for, and other processes may use libtpu
# too. JAX's own cache holds executables, which cannot be loaded without a TPU. The last two are of
# no consequence for compiling; without them libtpu complains on stderr.
WITHOUT_TPU = {
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "LIBTPU_INIT_ARGS": f"{os.environ.get('LIBTPU_INIT_ARGS', '')} {_STACK}".strip(),
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "true",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
}
