! Makes an array that other processes can open, in any language, and fills it under the exclusive lock.
!
! once: gfortran -J target -c -o target/shm_array.o examples/fortran/shm_array.f90
! once: gfortran -J target -o target/writer examples/fortran/writer.f90 target/shm_array.o -Ltarget/release -lshm_array
! run: LD_LIBRARY_PATH=target/release target/writer
program writer
   use, intrinsic :: iso_c_binding
   use shm_array
   implicit none
   type(array) :: temperature
   integer :: row

   temperature = create("temperature", 1000_c_int64_t, 1000_c_int64_t)
   call temperature%lock(exclusive, -1_c_int64_t)
   do row = 1, 1000
      temperature%elements(:, row) = row - 1
   end do
   call temperature%unlock()
   call temperature%close()
end program
