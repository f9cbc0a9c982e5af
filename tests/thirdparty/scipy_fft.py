"""scipy.fft."""

from scipy import fft

from thirdparty.call import ASARRAY, M, S, V, call

ROWS = [
    *(call(f, S) for f in (fft.fft, fft.ifft, fft.rfft, fft.irfft, fft.hfft, fft.ihfft)),
    *(call(f, M) for f in (fft.fft2, fft.ifft2, fft.rfft2, fft.irfft2, fft.fftn, fft.ifftn)),
    *(call(f, M) for f in (fft.rfftn, fft.irfftn, fft.hfft2, fft.hfftn, fft.ihfftn, fft.fftshift)),
    *(call(f, M) for f in (fft.ifftshift, fft.dctn, fft.dstn)),
    *(call(f, S) for f in (fft.dct, fft.idct, fft.dst, fft.idst)),
    call(lambda x: fft.fht(x, 0.1, 0.5), V, name="fht"),
]

LIMITS = dict.fromkeys(["dct", "idct", "dst", "idst", "dctn", "dstn"], ASARRAY)

BRANCHES: set[str] = set()
