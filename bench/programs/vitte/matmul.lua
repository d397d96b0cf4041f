-- Products of matrices.
local function matrix(n, seed)
  local rows = {}
  for i = 0, n - 1 do
    local row = {}
    for j = 0, n - 1 do row[j + 1] = seed * (i - j) * (i + j) end
    rows[i + 1] = row
  end
  return rows
end

local function product(a, b)
  local n = #a
  local out = {}
  for i = 1, n do
    local row = {}
    local left = a[i]
    for j = 1, n do
      local sum = 0.0
      for k = 1, n do sum = sum + left[k] * b[k][j] end
      row[j] = sum
    end
    out[i] = row
  end
  return out
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

local n = tonumber(arg[1]) or 40
local c = product(matrix(n, 1 / n), matrix(n, 2 / n))
local middle = math.floor(n / 2) + 1
print(text(c[middle][middle]))
