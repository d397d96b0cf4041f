-- A JSON reader and writer.
local NULL = {}

-- What a number is written as: the shortest text that is read as the same number.
local function number_text(x)
  for digits = 15, 17 do
    local s = string.format("%." .. digits .. "g", x)
    if tonumber(s) == x then
      return s:find("[.e]") and s or s .. ".0"
    end
  end
end

-- Lists are { list = { … } }; objects keep the order of their names: { names = { … }, fields = { … } }.
local show

local function show_list(items)
  local parts = {}
  for i, item in ipairs(items) do parts[i] = show(item) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function show_object(names, fields)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = "\"" .. name .. "\":" .. show(fields[name])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function show(value)
  local kind = type(value)
  if value == NULL then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then return number_text(value) end
  if kind == "string" then return "\"" .. value .. "\"" end
  if value.list then return show_list(value.list) end
  return show_object(value.names, value.fields)
end

local Reader = {}
Reader.__index = Reader

function Reader:peek()
  return self.text:sub(self.at, self.at)
end

function Reader:blanks()
  while self:peek() == " " or self:peek() == "\n" do self.at = self.at + 1 end
end

function Reader:expect(what)
  if self.text:sub(self.at, self.at + #what - 1) ~= what then error("expected " .. what) end
  self.at = self.at + #what
end

function Reader:value()
  self:blanks()
  local c = self:peek()
  local result
  if c == "n" then result = self:word("null", NULL)
  elseif c == "t" then result = self:word("true", true)
  elseif c == "f" then result = self:word("false", false)
  elseif c == "\"" then result = self:string()
  elseif c == "[" then result = self:list()
  elseif c == "{" then result = self:object()
  else result = self:number() end
  self:blanks()
  return result
end

function Reader:word(text, value)
  self:expect(text)
  return value
end

function Reader:string()
  self:expect("\"")
  local start = self.at
  while self:peek() ~= "\"" do self.at = self.at + 1 end
  local text = self.text:sub(start, self.at - 1)
  self:expect("\"")
  return text
end

function Reader:number()
  local start = self.at
  while ("0123456789+-.eE"):find(self:peek(), 1, true) and self:peek() ~= "" do
    self.at = self.at + 1
  end
  return assert(tonumber(self.text:sub(start, self.at - 1)))
end

function Reader:list()
  local items = {}
  self:expect("[")
  self:blanks()
  while self:peek() ~= "]" do
    items[#items + 1] = self:value()
    if self:peek() == "," then self.at = self.at + 1 end
  end
  self:expect("]")
  return { list = items }
end

function Reader:object()
  local names, fields = {}, {}
  self:expect("{")
  self:blanks()
  while self:peek() ~= "}" do
    self:blanks()
    local name = self:string()
    self:blanks()
    self:expect(":")
    if fields[name] == nil then names[#names + 1] = name end
    fields[name] = self:value()
    if self:peek() == "," then self.at = self.at + 1 end
  end
  self:expect("}")
  return { names = names, fields = fields }
end

local function reader(text)
  return setmetatable({ text = text, at = 1 }, Reader)
end

local text = [[{"name": "Vitte", "tags": [1, 2.5, -3e2, true, null], "in": {"a": [], "b": {}}}]]
print(show(reader(text):value()))
local items = {}
for i = 0, (tonumber(arg[1]) or 200) - 1 do
  items[i + 1] = "{\"id\": " .. i .. ", \"ok\": " .. tostring(i % 3 == 0) .. "}"
end
local large = reader("[" .. table.concat(items, ", ") .. "]")
local shown = show(large:value())
print(#shown)
print(shown:sub(1, 60))
