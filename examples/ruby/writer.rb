# Makes an array that other processes can open, in any language, and fills it under the exclusive lock.
#
# run: LD_LIBRARY_PATH=target/release ruby examples/ruby/writer.rb
require_relative "shm_array"

ShmArray.create("temperature", "<f8", [1000, 1000]) do |temperature|
  temperature.lock(ShmArray::EXCLUSIVE, -1) do
    1000.times { |row| temperature[row] = [row] * 1000 }
  end
end
