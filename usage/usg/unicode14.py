"""The code points that Unicode 14.0 assigns, whatever Unicode the interpreter has.

A later Unicode gives rules to code points that had none, so a library of today and one
of next year may normalise the same text differently. The format is tied to one version
instead. The table was made on a Python whose `unicodedata.unidata_version` is 14.0.0:
lengths of the runs of assigned and of unassigned code points (category Cn) in turn,
from U+0000 on, seven bits a byte, the least significant ones first.
"""

import zlib
from base64 import b85decode
from bisect import bisect_right
from functools import cache

_RUNS = (
    "c-mD|OK4qH6lLwR&-dPUZ(j0}_wrueCncXYU(>Wnnnp=!8dI!AskR2C6l^W%z)5Ceks@|rEsCO0u"
    "?{Q_{Y=_sV3DGBPz49IC{(E;I8kvV6-3?Vg^J#L&pn@g_S*ZbyY{_p$gl-a!b=K6w3QTQU5!n0hO"
    "j`#vYj+VIr<1lbQ5HL1{@LfK%5klmoYmqK~t~z8s4x`yv0e&Tq#%vY%wT!C~Vj@1sN+s&Xig!<2$"
    "&~7IBqTZQRa4FapA|86YKqDrFs4#DJ_@7sR`a4vOe(DWVcnus!Yd5b-uFhQud;3ejU4G2afVO5dp"
    "}k{ig%HX~7-38d0_t`EkT8Wnk$Nz2<%Aa1Q-fQK=F9EHKp+B@ivh#je9+9Iw0-&u|w^4?7?RW%1C"
    "g}1a?wLQM#OKD7l(!&%?Fjcc^NA+@OBIT5!Mo1@PTs4WhhjyV(iR{U!Id#99#F|@BxmvKJl(<p-I"
    "t%KMG>46=N!ul}j10Oca()ac)lg9Vd4GNy{D$sLx?jtvg>OlZx09c<lvTXN|L+r<s#r~Lpqla`4$"
    "^Twio<v)oy0FcLe2V{RJsIrP3VmbRCcOh=G?MN&05k>`;l-zW_>1n9k28S5gM6xgatk!2R?r&E%O"
    "xrx<pS7*;MN)BD+yH&vtyIXvU&7Vy4jrW{p#_jLT4M5c&QB6Evl$id_^$*`{Z-;&Jte91@cgCs9{"
    "Zc^?n>h91=o401Md4ia>L2Y9pFmZU;Y6k4*;@4iUBC%B5i2>c!q3C2WcpfXmRze_^sepS<0oZ}L0"
    "m6?;zRwu>5db`*f=G4!qI@NU5a%vygJ3C#Nwi7PAOHBb(MEf_pk)G;MU#aZ(OHxasz+M~7c67R7e"
    "*~qZ6JxvDVv&3jvr`Ad|1AfESPoI_+KNQ=i+BvWu_6&LLqnVPB*7HA=1rKXQO@OcEF3+MI-$~ub3"
    "^Jd^<ml31SPc<cc8HMl$66bvQSqoiIDA$F~(FR-@9Op^n=oj4Hu~QB9Lz_ylJ0!8anv|pO+plyzk"
    "(zHm~yf?sc|J1bz^~G{}VI5G3Dj-SvTf^w@p8!xk5HLfP#}cf*hPpZ0M3H1E*3DzZDRp6`507nHY"
    "w+|7XrD*LsC-w}rC3c8oiqLd!;y{GUn?u|c^_?tm03|Z`wVsg^=30oo=(ZY42^F)_*u91J~n%|4D"
    "NNwW2!nhIvGJQ<V;=IN!5g<p!;8Re?mVGRySIpAByRXP{Es9K@Amdo*8y#Yaw%6}maTbrl?F|7%t"
    "t64+HabINd^F9a;ByRy_b^v4jIo!>GH3C%)g7v!*3wlg#hs@-Csc2C4H3t6N;A?*E9>hj(Iy1rob"
    "|5)vxDIUck2skt+(uVpp)a-hx2b&&hZb)wV?~&jG}SmIsAr~|5ShdtthsC0N>h={{"
)
_CONTINUES = 0x80


def is_assigned(letter: str) -> bool:
    """Say whether Unicode 14.0 assigns this code point."""
    return bisect_right(_bounds(), ord(letter)) % 2 == 0


@cache
def _bounds() -> tuple[int, ...]:
    """Return where runs end and the next ones begin, as code points."""
    found, at, length, shift = [], 0, 0, 0
    for byte in zlib.decompress(b85decode("".join(_RUNS))):
        length |= (byte & ~_CONTINUES) << shift
        shift += 7
        if not byte & _CONTINUES:
            at += length
            found.append(at)
            length, shift = 0, 0
    return tuple(found)
