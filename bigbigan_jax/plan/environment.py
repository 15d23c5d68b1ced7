"""What to set in the environment, before JAX is imported, to compile for TPUs without one."""

# JAX and libtpu read these when they load: no TPU is looked for, and other processes may use libtpu
# too. JAX's own cache holds executables, which cannot be loaded without a TPU. The last two are of
# no consequence for compiling; without them libtpu complains on stderr.
WITHOUT_TPU = {
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "true",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
}
