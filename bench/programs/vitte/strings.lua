-- Text is built, taken apart and put together.
local parts = {}
for i = 0, (tonumber(arg[1]) or 2000) - 1 do
  parts[i + 1] = string.format("%d:%d", i, i * i % 97)
end
local text = table.concat(parts, ",")
print(#text)

local function split(s, separator)
  local found, count, from = {}, 0, 1
  while true do
    local at, last = s:find(separator, from, true)
    count = count + 1
    if not at then
      found[count] = s:sub(from)
      return found
    end
    found[count] = s:sub(from, at - 1)
    from = last + 1
  end
end

local sum = 0
for _, part in ipairs(split(text, ",")) do
  local fields = split(part, ":")
  sum = sum + (tonumber(fields[2]) or 0)
end
print(sum)
local reversed = ""
for c in ("stressed"):gmatch(".") do reversed = c .. reversed end
print(reversed:upper())
print((text:gsub(":", "=")):sub(1, 40))
