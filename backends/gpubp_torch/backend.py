"""PyTorch as gpubp sees it."""

from __future__ import annotations

from typing import Any

from gpubp.core.backend import Backend
from gpubp.core.host_memory import MemoryInfo, host_memory
from gpubp.errors import BackendUnavailableError


class TorchBackend(Backend):
    """Tensors of PyTorch on the CPU and on CUDA devices; only when named."""

    name = "torch"
    library = "torch"
    install = "pip install torch"

    def __init__(self, device: str | None = None) -> None:
        import torch

        from gpubp_torch.kernels import KERNELS

        self._torch = torch
        self.kernels = KERNELS
        super().__init__(device)

    @property
    def array_types(self) -> tuple[type, ...]:
        return (self._torch.Tensor,)

    @property
    def xp(self) -> Any:
        import array_api_compat.torch as xp

        return xp

    def devices(self) -> tuple[Any, ...]:
        cuda = range(self._torch.cuda.device_count() if self._torch.cuda.is_available() else 0)
        return (self._torch.device("cpu"), *(self._torch.device("cuda", i) for i in cuda))

    def parse_device(self, text: str) -> Any:
        if text.startswith("cuda") and not self._torch.cuda.is_available():
            built = self._torch.version.cuda
            raise BackendUnavailableError(
                self.name,
                f"{text!r} was asked for and "
                + ("it finds no CUDA device" if built else "this build of it has no CUDA"),
                "check that nvidia-smi lists a GPU"
                if built
                else "install a build with CUDA (https://pytorch.org/get-started/locally)",
            )
        return super().parse_device("cuda:0" if text == "cuda" else text)

    def asarray(self, x: Any, dtype: Any = None, device: Any = None) -> Any:
        """``x`` as a tensor; another library's array on a CUDA device shares its memory."""
        if not isinstance(x, self.array_types) and self._can_share(x):
            x = self.xp.from_dlpack(x)
        if hasattr(x, "__array_interface__"):
            x = _torch_can_share(x)
        return super().asarray(x, dtype, device)

    def _can_share(self, x: Any) -> bool:
        cuda = 2  # DLPack's number for it
        return (
            hasattr(x, "__dlpack_device__")
            and x.__dlpack_device__()[0] == cuda
            and self._torch.cuda.is_available()
        )

    def to_numpy(self, x: Any) -> Any:
        if x.dtype == self._torch.bfloat16:  # which NumPy lacks
            x = x.float()
        return x.detach().resolve_conj().resolve_neg().cpu().numpy()

    def special(self, name: str) -> Any:
        from gpubp_torch.kernels.special import special

        return special(name)

    def synchronize(self, device: Any = None) -> None:
        if self._torch.cuda.is_available() and self._device(device).type == "cuda":
            self._torch.cuda.synchronize(self._device(device))

    def memory_info(self, device: Any = None) -> MemoryInfo | None:
        device = self._device(device)
        if device.type != "cuda":
            return host_memory()
        cuda = self._torch.cuda
        free, total = cuda.mem_get_info(device)
        cached = cuda.memory_reserved(device) - cuda.memory_allocated(device)
        return MemoryInfo(free + cached, total)

    def release_memory(self, device: Any = None) -> None:
        if self._device(device).type == "cuda":
            with self._torch.cuda.device(self._device(device)):
                self._torch.cuda.empty_cache()

    def is_out_of_memory(self, error: BaseException) -> bool:
        # The CPU's allocator raises a plain RuntimeError.
        exhausted = isinstance(error, (MemoryError, self._torch.OutOfMemoryError))
        return exhausted or "DefaultCPUAllocator" in str(error)

    def details(self) -> dict[str, str]:
        torch = self._torch
        blas = "MKL" if torch.backends.mkl.is_available() else "see torch.__config__.show()"
        return {
            "version": torch.__version__,
            "BLAS": f"{blas}, {torch.get_num_threads()} threads",
        } | {
            self.device_name(device): torch.cuda.get_device_name(device)
            for device in self.devices()
            if device.type == "cuda"
        }

    def _device(self, device: Any) -> Any:
        return self._torch.device(device or self.device or "cpu")


def _torch_can_share(x: Any) -> Any:
    """``x`` with what PyTorch refuses in a NumPy array (reversed, read-only) copied away."""
    usable = x.flags.writeable and all(stride >= 0 for stride in x.strides)
    return x if usable else x.copy(order="C")
