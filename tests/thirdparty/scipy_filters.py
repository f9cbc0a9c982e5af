"""scipy.signal's filter design and windows."""

import numpy as np
from array_api_compat import array_namespace
from scipy import signal as sg
from scipy.signal import windows

from thirdparty.call import ASARRAY, FLOAT, INT, U, V, W, call, like

SECTIONS = sg.butter(2, 0.3, output="sos")


def zpk(name, **kwargs):
    """A function of zeros, poles and gain."""
    return call(lambda z, p: getattr(sg, name)(z, p, 1.5, **kwargs), V[:2], -W[:3], name=name)


def window(name, parameter):
    """A window of seven points, by its parameter."""
    return call(
        lambda p: getattr(windows, name)(7, p, xp=array_namespace(p)),
        np.asarray(parameter),
        name=f"windows.{name}",
    )


ROWS = [
    zpk("lp2lp_zpk", wo=1.3),
    zpk("lp2hp_zpk", wo=1.3),
    zpk("lp2bp_zpk", wo=1.3, bw=0.4),
    zpk("lp2bs_zpk", wo=1.3, bw=0.4),
    zpk("bilinear_zpk", fs=2.0),
    zpk("zpk2sos"),
    call(lambda b, a: sg.lp2hp(b, a, wo=1.3), V[:3], W[:3], name="lp2hp"),
    call(lambda b, a: sg.lp2bp(b, a, wo=1.3, bw=0.4), V[:3], W[:3], name="lp2bp"),
    call(lambda b, a: sg.lp2bs(b, a, wo=1.3, bw=0.4), V[:3], W[:3], name="lp2bs"),
    call(lambda b, a: sg.normalize(b, a), V[:3], W[:3], name="normalize"),
    call(lambda b, a: sg.freqz(b, a, worN=6)[1], V, W, name="freqz, rational"),
    call(lambda z: sg.freqz_zpk(z, like(z, U[:2]), 1.2, worN=5)[1], V[:2], name="freqz_zpk"),
    call(
        lambda z: sg.freqs_zpk(z, like(z, U[:2]), 1.2, worN=like(z, [0.1, 0.5]))[1],
        V[:2],
        name="freqs_zpk",
    ),
    call(lambda b: sg.lfilter_zi(b, like(b, [1.0, 0.3])), V[:2], name="lfilter_zi"),
    call(lambda b: sg.sosfilt_zi(like(b, SECTIONS) * b), U[:1], name="sosfilt_zi"),
    call(lambda b: sg.sos2tf(like(b, SECTIONS) * b), U[:1], name="sos2tf"),
    call(lambda b: sg.firwin(9, b), np.asarray(0.3), name="firwin"),
    call(lambda b: sg.firwin2(7, like(b, [0.0, 0.5, 1.0]), b), V[:3], name="firwin2"),
    call(lambda b: sg.firls(7, like(b, [0.0, 0.3, 0.5, 1.0]), b), V[:4], name="firls"),
    window("kaiser", 2.0),
    window("gaussian", 2.0),
    window("general_hamming", 0.6),
    window("tukey", 0.6),
    call(
        lambda t: windows.exponential(7, tau=t, xp=array_namespace(t)),
        np.asarray(2.0),
        name="windows.exponential",
    ),
]

LIMITS = {
    "zpk2sos": ASARRAY,
    "lfilter_zi": ASARRAY,
    "sosfilt_zi": ASARRAY,
    "sos2tf": INT,
    "firwin2": ASARRAY,
    "firls": ASARRAY,
    "windows.tukey": FLOAT,
}

# Branches on values: no vmap.
BRANCHES = {
    "lp2hp",
    "lp2bp",
    "lp2bs",
    "normalize",
    "firwin",
}
