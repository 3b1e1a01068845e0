// reader.cpp - opens what writer made, and adds it up under the shared lock.
#include <shm_array.hpp>

#include <cstdio>
#include <numeric>
#include <shared_mutex>

int main()
{
    try {
        auto array = shm::array::open("temperature");
        std::shared_lock lock(array);
        auto celsius = array.elements<const double>();
        double sum = std::accumulate(celsius.begin(), celsius.end(), 0.0);
        std::printf("%d x %d numbers, mean %.1f\n", int(celsius.shape(0)), int(celsius.shape(1)), sum / double(celsius.size()));
    } catch (const shm::error &why) {
        std::fprintf(stderr, "%s\n", why.what());
        return 1;
    }
}
