-- Points that stay.
local function iterations(cx, cy, most)
  local x, y = 0.0, 0.0
  for i = 0, most - 1 do
    local xx, yy = x * x, y * y
    if xx + yy > 4 then return i end
    y = 2 * x * y + cy
    x = xx - yy + cx
  end
  return most
end

local function sign(n)
  if n == 200 then return "#" end
  if n > 10 then return "+" end
  if n > 4 then return "." end
  return " "
end

local rows = tonumber(arg[1]) or 24
local columns = math.floor(rows * 8 / 3)
local total = 0
for row = 0, rows - 1 do
  local line = {}
  for column = 0, columns - 1 do
    local n = iterations(column / rows - 2, 2 * row / rows - 1, 200)
    total = total + n
    line[column + 1] = sign(n)
  end
  print(table.concat(line))
end
print(total)
