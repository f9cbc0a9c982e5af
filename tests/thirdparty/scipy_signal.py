"""scipy.signal: convolution, filters, spectra, windows."""

import numpy as np
from scipy import signal as sg

from thirdparty.call import ASARRAY, INT, M, S, V, W, call, like

SOS = sg.butter(3, 0.3, output="sos")
BA = sg.butter(3, 0.3)

ROWS = [
    *(call(f, S, V) for f in (sg.convolve, sg.fftconvolve, sg.oaconvolve, sg.correlate)),
    call(lambda a, b: sg.convolve(a, b, mode="same", method="fft"), S, V, name="convolve, fft"),
    call(lambda a, b: sg.convolve(a, b, method="direct"), S, V, name="convolve, direct"),
    call(lambda a, b: sg.convolve2d(a, b), M, M[:2, :2], name="convolve2d"),
    call(lambda a, b: sg.correlate2d(a, b), M, M[:2, :2], name="correlate2d"),
    *(call(f, S) for f in (sg.detrend, sg.hilbert, sg.envelope, sg.periodogram)),
    call(lambda x: sg.detrend(x, type="constant"), S, name="detrend, constant"),
    call(lambda x: sg.hilbert2(x), M, name="hilbert2"),
    call(lambda x: sg.welch(x, nperseg=8), S, name="welch"),
    call(lambda x, y: sg.csd(x, y, nperseg=8), S, S[::-1].copy(), name="csd"),
    call(lambda x, y: sg.coherence(x, y, nperseg=6), S, S[::-1].copy(), name="coherence"),
    call(lambda x: sg.stft(x, nperseg=8), S, name="stft"),
    call(lambda x: sg.spectrogram(x, nperseg=8), S, name="spectrogram"),
    call(
        lambda x: sg.lombscargle(like(x, np.arange(12.0)), x, like(x, [0.5, 1.0])),
        S,
        name="lombscargle",
    ),
    call(lambda x: sg.resample(x, 9), S, name="resample"),
    call(lambda x: sg.resample_poly(x, 3, 2), S, name="resample_poly"),
    call(lambda x: sg.upfirdn(like(x, [1.0, 0.5]), x, 2), S, name="upfirdn"),
    call(lambda x: sg.decimate(x, 2, n=2, ftype="fir"), S, name="decimate"),
    call(lambda x: sg.lfilter(*like(x, BA), x), S, name="lfilter"),
    call(lambda x: sg.filtfilt(*like(x, BA), x, padlen=5), S, name="filtfilt"),
    call(lambda x: sg.sosfilt(like(x, SOS), x), S, name="sosfilt"),
    call(lambda x: sg.sosfiltfilt(like(x, SOS), x, padlen=3), S, name="sosfiltfilt"),
    call(lambda x: sg.savgol_filter(x, 5, 2), S, name="savgol_filter"),
    call(lambda x: sg.medfilt(x, 3), S, name="medfilt"),
    call(lambda x: sg.wiener(x, 3), S, name="wiener"),
    call(lambda x: sg.gauss_spline(x, 3), S, name="gauss_spline"),
    call(sg.sawtooth, V),
    call(lambda x: sg.square(x), V, name="square"),
    call(lambda x: sg.gausspulse(x, fc=2), V, name="gausspulse"),
    call(lambda x: sg.chirp(x, 1.0, 3.0, 4.0), V, name="chirp"),
    call(lambda x: sg.sweep_poly(x, like(x, [0.2, 1.0])), V, name="sweep_poly"),
    call(lambda x: sg.vectorstrength(x, 1.3)[0], V, name="vectorstrength"),
    call(lambda b: sg.freqz(b, worN=8)[1], V, name="freqz"),
    call(lambda b: sg.freqs(b, like(b, W), like(b, [0.5, 1.0]))[1], V, name="freqs"),
    call(lambda b: sg.group_delay((b, like(b, [1.0])), 4)[1], V, name="group_delay"),
    call(lambda z: sg.zpk2tf(z, like(z, [0.2, 0.4]), 1.5), V, name="zpk2tf"),
    call(lambda b: sg.tf2zpk(b, like(b, [1.0, 0.3]))[2], V, name="tf2zpk"),
    call(lambda b: sg.bilinear(b[:2], b[2:]), V, name="bilinear"),
    call(lambda b: sg.lp2lp(b[:2], b[2:], 1.4), V, name="lp2lp"),
    call(lambda b: sg.cspline1d(b), S, name="cspline1d"),
]

LIMITS = {
    "convolve": INT,
    "correlate": INT,
    "convolve, direct": ASARRAY,
    "convolve2d": ASARRAY,
    "correlate2d": ASARRAY,
    "detrend": ASARRAY,
    "periodogram": ASARRAY,
    "detrend, constant": ASARRAY,
    "welch": ASARRAY,
    "csd": ASARRAY,
    "coherence": ASARRAY,
    "stft": ASARRAY,
    "spectrogram": ASARRAY,
    "lombscargle": ASARRAY,
    "resample_poly": ASARRAY,
    "upfirdn": ASARRAY,
    "decimate": ASARRAY,
    "lfilter": ASARRAY,
    "filtfilt": ASARRAY,
    "sosfilt": ASARRAY,
    "sosfiltfilt": ASARRAY,
    "savgol_filter": ASARRAY,
    "medfilt": ASARRAY,
    "wiener": INT,
    "sawtooth": ASARRAY,
    "square": ASARRAY,
    "chirp": ASARRAY,
    "zpk2tf": INT,
    "bilinear": ASARRAY,
    "cspline1d": ASARRAY,
}

# Branches on values: no vmap.
BRANCHES = {
    "convolve, fft",
    "tf2zpk",
    "lp2lp",
    "group_delay",
}
