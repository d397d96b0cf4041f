"""Turning pancakes."""
import sys


def fannkuch(n):
    p = list(range(n))
    q = [0] * n
    s = list(range(n))
    sign = 1
    most = 0
    total = 0
    while True:
        first = p[0]
        if first != 0:
            q[1:] = p[1:]
            flips = 1
            while True:
                following = q[first]
                if following == 0:
                    break
                q[first] = first
                if first >= 3:
                    i = 1
                    j = first - 1
                    while i < j:
                        q[i], q[j] = q[j], q[i]
                        i += 1
                        j -= 1
                first = following
                flips += 1
            total += sign * flips
            if flips > most:
                most = flips
        if sign == 1:
            p[0], p[1] = p[1], p[0]
            sign = -1
        else:
            p[1], p[2] = p[2], p[1]
            sign = 1
            for i in range(2, n):
                sx = s[i]
                if sx != 0:
                    s[i] = sx - 1
                    break
                if i == n - 1:
                    print(total)
                    return most
                s[i] = i
                t = p[0]
                p[: i + 1] = p[1 : i + 2]
                p[i + 1] = t


print(fannkuch(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
