// writer.cpp - makes an array that other processes can open, in C, C++ or Python.
#include <shm_array.hpp>

#include <iostream>

int main()
{
    try {
        auto array = shm::array::create("temperature", shm::dtype<double>(), {1000, 1000});
        auto celsius = array.elements<double>();
        for (uint64_t row = 0; row < celsius.shape(0); row++)
            for (uint64_t column = 0; column < celsius.shape(1); column++)
                celsius(row, column) = double(row);
    } catch (const shm::error &why) {
        std::cerr << why.what() << '\n';
        return 1;
    }
}
