# Opens the array that a writer has made, in any language, and adds it up under the shared lock.
#
# run: LD_LIBRARY_PATH=target/release ruby examples/ruby/reader.rb
require_relative "shm_array"

ShmArray.open("temperature") do |temperature|
  rows, columns = temperature.shape
  sum = temperature.lock(ShmArray::SHARED, 5) { rows.times.sum { |row| temperature[row].sum } }
  puts format("%d x %d numbers, mean %.1f", rows, columns, sum / (rows * columns))
end
