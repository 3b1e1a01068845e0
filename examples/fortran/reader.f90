! Opens the array that a writer has made, in any language, and adds it up under the shared lock.
!
! once: gfortran -J target -c -o target/shm_array.o examples/fortran/shm_array.f90
! once: gfortran -J target -o target/reader examples/fortran/reader.f90 target/shm_array.o -Ltarget/release -lshm_array
! run: LD_LIBRARY_PATH=target/release target/reader
program reader
   use, intrinsic :: iso_c_binding
   use shm_array
   implicit none
   type(array) :: temperature

   temperature = open_array("temperature")
   call temperature%lock(shared, 5000000000_c_int64_t)
   associate (celsius => temperature%elements)
      print "(i0, ' x ', i0, ' numbers, mean ', f0.1)", size(celsius, 2), size(celsius, 1), sum(celsius)/size(celsius)
   end associate
   call temperature%unlock()
   call temperature%close()
end program
