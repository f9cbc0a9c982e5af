"""CuPy as gpubp sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from gpubp.core.backend import ON_CURRENT_DEVICE, Backend, get_backend
from gpubp.core.host_memory import MemoryInfo
from gpubp.errors import BackendUnavailableError


class CupyBackend(Backend):
    """Arrays on CUDA devices; what ``"auto"`` takes when one really works."""

    name = "cupy"
    library = "cupy"
    install = "pip install 'gpubp[cuda12]' (for a driver of CUDA 13: 'gpubp[cuda13]')"
    priority = 100
    fuses = True

    def __init__(self, device: str | None = None) -> None:
        import cupy

        from gpubp_cupy.kernels import KERNELS

        self._cupy = cupy
        self.kernels = KERNELS
        try:
            self._several = self._count_devices() > 1
        except BackendUnavailableError:  # which is `probe`'s to say
            self._several = False
        if self._several:
            ON_CURRENT_DEVICE.add(cupy.ndarray)
        super().__init__(device)

    @classmethod
    def probe(cls) -> None:
        super().probe()
        # Importing CuPy succeeds without a GPU, and so does a lot else: only a kernel tells.
        cls._count_devices()
        cls._run_a_kernel()

    @classmethod
    def _count_devices(cls) -> int:
        from cupy.cuda import runtime

        try:
            return runtime.getDeviceCount()
        except runtime.CUDARuntimeError as error:
            raise cls._why_no_device(error) from error

    @classmethod
    def _why_no_device(cls, error: Exception) -> BackendUnavailableError:
        from cupy.cuda import runtime

        driver = runtime.driverGetVersion()
        if driver == 0:
            reason = "this machine has no NVIDIA driver"
            remedy = "install the driver of the GPU, until nvidia-smi lists it"
        elif "InsufficientDriver" in str(error):
            needed = runtime.runtimeGetVersion()
            reason = f"the driver knows CUDA {_version(driver)}, CuPy needs {_version(needed)}"
            remedy = "update the driver, or install a CuPy for the older CUDA"
        elif (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
            reason = f"the driver shows no CUDA device, and CUDA_VISIBLE_DEVICES is {visible!r}"
            remedy = "unset CUDA_VISIBLE_DEVICES, or give it the number of a device"
        else:
            reason = f"the driver finds no CUDA device ({error})"
            remedy = "check that nvidia-smi lists a GPU and that this user may open /dev/nvidia*"
        return BackendUnavailableError(cls.name, reason, f"{remedy}; or use the backend 'numpy'")

    @classmethod
    def _run_a_kernel(cls) -> None:
        import cupy

        try:
            total = int((cupy.arange(4) * 2).sum())
        except Exception as error:
            device = cupy.cuda.runtime.getDevice()
            text = str(error).strip().partition("\n")[0]
            raise BackendUnavailableError(
                cls.name,
                f"a kernel does not run on device {device} ({type(error).__name__}: {text})",
                f"install CuPy with its CUDA libraries: {cls.install}",
            ) from error
        if total != 12:
            raise BackendUnavailableError(
                cls.name,
                f"device {cupy.cuda.runtime.getDevice()} computes 2 * (0 + 1 + 2 + 3) = {total}",
                "check the hardware with nvidia-smi -q",
            )

    @property
    def array_types(self) -> tuple[type, ...]:
        return (self._cupy.ndarray,)

    @property
    def xp(self) -> Any:
        if self._several:
            from gpubp_cupy.devices import xp

            return xp
        import array_api_compat.cupy

        return array_api_compat.cupy

    def bind(self, run: Callable[..., Any]) -> Callable[..., Any]:
        if not self._several:
            return run
        from gpubp_cupy.devices import beside_arguments

        return beside_arguments(run)

    def on(self, device: Any = None) -> AbstractContextManager[Any]:
        device = self.device if device is None else device
        return self._cupy.cuda.Device(device)  # the current one for None

    def devices(self) -> tuple[Any, ...]:
        return tuple(map(self._cupy.cuda.Device, range(self._count_devices())))

    def device_name(self, device: Any) -> str:
        return str(device.id)

    def parse_device(self, text: str) -> Any:
        device = super().parse_device(text)
        with device:
            self._run_a_kernel()
        return device

    def asarray(self, x: Any, dtype: Any = None, device: Any = None) -> Any:
        """``x`` on the device; a large host array goes there while the device computes.

        Another library's array that lies on a CUDA device (a tensor of PyTorch, say) shares its
        memory through DLPack.
        """
        from gpubp_cupy.upload import upload

        if type(x) is not self._cupy.ndarray and _lies_on_cuda(x):
            x = self._cupy.from_dlpack(x.detach() if hasattr(x, "detach") else x)
            device = x.device if device is None and self.device is None else device

        with self.on(device):
            if type(x) in (bool, int, float, complex):  # a kernel: no copy to wait for
                return self._cupy.full((), x, dtype=self.dtype(dtype))
            if hasattr(x, "__array_interface__"):
                return upload(x, self.dtype(dtype))
            return super().asarray(x, dtype, self._cupy.cuda.Device())

    def to_numpy(self, x: Any) -> Any:
        with x.device:
            return x.get()

    def fetch(self, x: Any) -> Callable[[], Any]:
        from gpubp_cupy.download import Download

        return Download(x)

    def special(self, name: str) -> Any:
        from gpubp_cupy.kernels.special import special

        return special(name)

    def synchronize(self, device: Any = None) -> None:
        with self.on(device) as current:
            current.synchronize()

    def memory_info(self, device: Any = None) -> MemoryInfo | None:
        with self.on(device):
            free, total = self._cupy.cuda.runtime.memGetInfo()
            pool = self._cupy.get_default_memory_pool()
            free += pool.free_bytes()
            if limit := pool.get_limit():
                free, total = min(free, limit - pool.used_bytes()), min(total, limit)
            return MemoryInfo(free, total)

    def release_memory(self, device: Any = None) -> None:
        """Give the driver back what CuPy's pools and its cache of FFT plans hold unused."""
        with self.on(device):
            self._cupy.fft.config.get_plan_cache().clear()
            self._cupy.get_default_memory_pool().free_all_blocks()
            self._cupy.get_default_pinned_memory_pool().free_all_blocks()

    def is_out_of_memory(self, error: BaseException) -> bool:
        # CuPy's own error is a MemoryError; those of CUDA's libraries are told apart by their text.
        return super().is_out_of_memory(error) or (
            isinstance(error, RuntimeError) and any(text in str(error) for text in _EXHAUSTED)
        )

    def writes(self, operation: Any) -> bool:
        from gpubp_cupy.compiled.executable import writes

        return writes(operation)

    def executable(self, program: Any, memory: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
        from gpubp_cupy.compiled.executable import Executable

        return Executable(program, memory)

    def details(self) -> dict[str, str]:
        runtime = self._cupy.cuda.runtime
        versions = {
            "version": self._cupy.__version__,
            "CUDA": _version(runtime.runtimeGetVersion()),
            "driver": f"CUDA {_version(runtime.driverGetVersion())}",
            "BLAS": "cuBLAS",
        }
        return versions | {
            f"device {device.id}": _description(runtime.getDeviceProperties(device.id))
            for device in self.devices()
        }

    # CuPy's functions and methods are NumPy's.

    def array_ufunc(self, xp: Any, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
        return get_backend("numpy").array_ufunc(xp, ufunc, method, inputs, kwargs)

    def array_function(self, xp: Any, func: Any, args: Any, kwargs: Any) -> Any:
        return get_backend("numpy").array_function(xp, func, args, kwargs)

    def dtype(self, dtype: Any) -> Any:
        return get_backend("numpy").dtype(dtype)

    def method(self, xp: Any, name: str) -> Any:
        return get_backend("numpy").method(xp, name)


_EXHAUSTED = ("cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY", "_ALLOC_FAILED")


def _lies_on_cuda(x: Any) -> bool:
    """Whether ``x`` can be had through DLPack without leaving its CUDA device."""
    kinds = (2, 13)  # DLPack's numbers for memory of a device, and for managed memory
    return hasattr(x, "__dlpack_device__") and x.__dlpack_device__()[0] in kinds


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _description(properties: Any) -> str:
    capability = f"{properties['major']}.{properties['minor']}"
    return f"{properties['name'].decode()}, compute capability {capability}"
