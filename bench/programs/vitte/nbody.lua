-- The planets' orbits.
local sqrt = math.sqrt

local PI = 3.141592653589793
local SOLAR_MASS = 4 * PI * PI
local DAYS = 365.24

local function bodies()
  return {
    { x = 0, y = 0, z = 0, vx = 0, vy = 0, vz = 0, mass = SOLAR_MASS },
    {
      x = 4.84143144246472090, y = -1.16032004402742839, z = -0.103622044471123109,
      vx = 0.00166007664274403694 * DAYS, vy = 0.00769901118419740425 * DAYS,
      vz = -0.0000690460016972063023 * DAYS, mass = 0.000954791938424326609 * SOLAR_MASS,
    },
    {
      x = 8.34336671824457987, y = 4.12479856412430479, z = -0.403523417114321381,
      vx = -0.00276742510726411 * DAYS, vy = 0.00499852801234917238 * DAYS,
      vz = 0.0000230417297573763929 * DAYS, mass = 0.000285885980666130812 * SOLAR_MASS,
    },
    {
      x = 12.8943695621391310, y = -15.1111514016986312, z = -0.223307578892655734,
      vx = 0.00296460137564761618 * DAYS, vy = 0.0023784717395948095 * DAYS,
      vz = -0.0000296589568540237556 * DAYS, mass = 0.0000436624404335156298 * SOLAR_MASS,
    },
    {
      x = 15.3796971148509165, y = -25.9193146099879641, z = 0.179258772950371181,
      vx = 0.00268067772490389322 * DAYS, vy = 0.00162824170038242295 * DAYS,
      vz = -0.0000951592254519715870 * DAYS, mass = 0.0000515138902046611451 * SOLAR_MASS,
    },
  }
end

local function offset(all)
  local px, py, pz = 0.0, 0.0, 0.0
  for _, b in ipairs(all) do
    px = px + b.vx * b.mass
    py = py + b.vy * b.mass
    pz = pz + b.vz * b.mass
  end
  all[1].vx = -px / SOLAR_MASS
  all[1].vy = -py / SOLAR_MASS
  all[1].vz = -pz / SOLAR_MASS
end

local function energy(all)
  local e = 0.0
  for i = 1, #all do
    local b = all[i]
    e = e + 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz)
    for j = i + 1, #all do
      local c = all[j]
      local dx, dy, dz = b.x - c.x, b.y - c.y, b.z - c.z
      e = e - b.mass * c.mass / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return e
end

local function advance(all, n, dt)
  for i = 1, n do
    local b = all[i]
    for j = i + 1, n do
      local c = all[j]
      local dx, dy, dz = b.x - c.x, b.y - c.y, b.z - c.z
      local d2 = dx * dx + dy * dy + dz * dz
      local mag = dt / (d2 * sqrt(d2))
      b.vx = b.vx - dx * c.mass * mag
      b.vy = b.vy - dy * c.mass * mag
      b.vz = b.vz - dz * c.mass * mag
      c.vx = c.vx + dx * b.mass * mag
      c.vy = c.vy + dy * b.mass * mag
      c.vz = c.vz + dz * b.mass * mag
    end
  end
  for i = 1, n do
    local b = all[i]
    b.x = b.x + dt * b.vx
    b.y = b.y + dt * b.vy
    b.z = b.z + dt * b.vz
  end
end

-- The shortest text that is read as the same number.
local function text(x)
  for digits = 15, 17 do
    local s = string.format("%." .. digits .. "g", x)
    if tonumber(s) == x then
      return s:find("[.e]") and s or s .. ".0"
    end
  end
end

local all = bodies()
offset(all)
print(text(energy(all)))
for _ = 1, tonumber(arg[1]) or 2000 do advance(all, #all, 0.01) end
print(text(energy(all)))
