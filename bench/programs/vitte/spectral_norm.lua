-- The largest singular value of an infinite matrix.
local function a(i, j)
  return 1 / ((i + j) * (i + j + 1) / 2 + i + 1)
end

local function times(n, v, out, transposed)
  for i = 1, n do
    local sum = 0.0
    for j = 1, n do
      if transposed then
        sum = sum + a(j - 1, i - 1) * v[j]
      else
        sum = sum + a(i - 1, j - 1) * v[j]
      end
    end
    out[i] = sum
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

local n = tonumber(arg[1]) or 60
local u, v, w = {}, {}, {}
for i = 1, n do
  u[i], v[i], w[i] = 1, 0, 0
end
for _ = 1, 10 do
  times(n, u, w, false)
  times(n, w, v, true)
  times(n, v, w, false)
  times(n, w, u, true)
end
local vbv, vv = 0.0, 0.0
for i = 1, n do
  vbv = vbv + u[i] * v[i]
  vv = vv + v[i] * v[i]
end
print(text(math.sqrt(vbv / vv)))
