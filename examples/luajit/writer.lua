-- Makes an array that other processes can open, in any language, and fills it under the exclusive lock.
--
-- run: cd examples/luajit && LD_LIBRARY_PATH=../../target/release luajit writer.lua
local shm_array = require("shm_array")

local temperature = shm_array.create("temperature", "<f8", 1000, 1000)
local celsius = temperature.elements
temperature:locked(shm_array.EXCLUSIVE, -1, function()
    for i = 0, temperature.count - 1 do celsius[i] = math.floor(i / 1000) end
end)
temperature:close()
