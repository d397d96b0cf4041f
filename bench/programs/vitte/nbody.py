"""The planets' orbits."""
import sys
from math import sqrt

PI = 3.141592653589793
SOLAR_MASS = 4 * PI * PI
DAYS = 365.24


class Body:
    __slots__ = ("x", "y", "z", "vx", "vy", "vz", "mass")

    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x = x
        self.y = y
        self.z = z
        self.vx = vx
        self.vy = vy
        self.vz = vz
        self.mass = mass


def bodies():
    return [
        Body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, SOLAR_MASS),
        Body(
            4.84143144246472090, -1.16032004402742839, -0.103622044471123109,
            0.00166007664274403694 * DAYS, 0.00769901118419740425 * DAYS,
            -0.0000690460016972063023 * DAYS, 0.000954791938424326609 * SOLAR_MASS,
        ),
        Body(
            8.34336671824457987, 4.12479856412430479, -0.403523417114321381,
            -0.00276742510726411 * DAYS, 0.00499852801234917238 * DAYS,
            0.0000230417297573763929 * DAYS, 0.000285885980666130812 * SOLAR_MASS,
        ),
        Body(
            12.8943695621391310, -15.1111514016986312, -0.223307578892655734,
            0.00296460137564761618 * DAYS, 0.0023784717395948095 * DAYS,
            -0.0000296589568540237556 * DAYS, 0.0000436624404335156298 * SOLAR_MASS,
        ),
        Body(
            15.3796971148509165, -25.9193146099879641, 0.179258772950371181,
            0.00268067772490389322 * DAYS, 0.00162824170038242295 * DAYS,
            -0.0000951592254519715870 * DAYS, 0.0000515138902046611451 * SOLAR_MASS,
        ),
    ]


def offset(everything):
    px = 0.0
    py = 0.0
    pz = 0.0
    for b in everything:
        px += b.vx * b.mass
        py += b.vy * b.mass
        pz += b.vz * b.mass
    everything[0].vx = -px / SOLAR_MASS
    everything[0].vy = -py / SOLAR_MASS
    everything[0].vz = -pz / SOLAR_MASS


def energy(everything):
    e = 0.0
    for i, b in enumerate(everything):
        e += 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz)
        for c in everything[i + 1 :]:
            dx = b.x - c.x
            dy = b.y - c.y
            dz = b.z - c.z
            e -= b.mass * c.mass / sqrt(dx * dx + dy * dy + dz * dz)
    return e


def advance(everything, dt):
    n = len(everything)
    for i in range(n):
        b = everything[i]
        for j in range(i + 1, n):
            c = everything[j]
            dx = b.x - c.x
            dy = b.y - c.y
            dz = b.z - c.z
            d2 = dx * dx + dy * dy + dz * dz
            mag = dt / (d2 * sqrt(d2))
            b.vx -= dx * c.mass * mag
            b.vy -= dy * c.mass * mag
            b.vz -= dz * c.mass * mag
            c.vx += dx * b.mass * mag
            c.vy += dy * b.mass * mag
            c.vz += dz * b.mass * mag
    for b in everything:
        b.x += dt * b.vx
        b.y += dt * b.vy
        b.z += dt * b.vz


def main(steps):
    everything = bodies()
    offset(everything)
    print(energy(everything))
    for _ in range(steps):
        advance(everything, 0.01)
    print(energy(everything))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
