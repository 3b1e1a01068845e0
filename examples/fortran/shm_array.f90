! shm_array.f90 - what the examples need of shm_array.h: arrays, their elements, and the lock, by iso_c_binding.
module shm_array
   use, intrinsic :: iso_c_binding
   implicit none
   private
   public :: array, create, open_array, exclusive, shared

   integer(c_int32_t), parameter :: exclusive = 1, shared = 2, write_access = 2, c_contiguous = 1

   type, bind(c) :: view_t
      integer(c_size_t) :: size
      type(c_ptr) :: data, dtype, dtype_tag
      integer(c_int64_t) :: itemsize, count, nbytes
      integer(c_int32_t) :: flags, ndim
      integer(c_int64_t) :: shape(64), strides(64)
   end type

   ! A handle, to be closed once, and a pointer to the elements, which must not be used after that: the elements
   ! themselves, not a copy. Fortran's first axis is the fastest, so C's array(row, column) is elements(column, row).
   type :: array
      type(c_ptr) :: handle = c_null_ptr
      real(c_double), pointer :: elements(:, :) => null()
   contains
      procedure :: lock, unlock, close
   end type

   interface
      integer(c_int) function c_create(name, dtype, ndim, shape, options, out) bind(c, name="shm_array_create")
         import
         character(kind=c_char), intent(in) :: name(*), dtype(*)
         integer(c_size_t), value :: ndim
         integer(c_int64_t), intent(in) :: shape(*)
         type(c_ptr), value :: options
         type(c_ptr), intent(out) :: out
      end function
      integer(c_int) function c_open(name, flags, out) bind(c, name="shm_array_open")
         import
         character(kind=c_char), intent(in) :: name(*)
         integer(c_int32_t), value :: flags
         type(c_ptr), intent(out) :: out
      end function
      integer(c_int) function c_view(handle, out) bind(c, name="shm_array_view")
         import
         type(c_ptr), value :: handle
         type(view_t), intent(inout) :: out
      end function
      integer(c_int) function c_lock(handle, mode, timeout_ns) bind(c, name="shm_array_lock")
         import
         type(c_ptr), value :: handle
         integer(c_int32_t), value :: mode
         integer(c_int64_t), value :: timeout_ns
      end function
      integer(c_int) function c_unlock(handle) bind(c, name="shm_array_unlock")
         import
         type(c_ptr), value :: handle
      end function
      subroutine c_close(handle) bind(c, name="shm_array_close")
         import
         type(c_ptr), value :: handle
      end subroutine
      type(c_ptr) function c_error_detail() bind(c, name="shm_array_error_detail")
         import
      end function
      integer(c_size_t) function strlen(text) bind(c)
         import
         type(c_ptr), value :: text
      end function
   end interface

contains

   ! Fortran has no exceptions: an error ends the program, with the library's words.
   subroutine check(code)
      integer(c_int), intent(in) :: code
      character(:), allocatable :: words
      if (code == 0) return
      words = text(c_error_detail())
      error stop words
   end subroutine

   function text(pointer)
      type(c_ptr), intent(in) :: pointer
      character(:), allocatable :: text
      character(kind=c_char), pointer :: letters(:)
      call c_f_pointer(pointer, letters, [strlen(pointer)])
      allocate (character(size(letters)) :: text)
      text = transfer(letters, text)
   end function

   type(array) function create(name, rows, columns)
      character(*), intent(in) :: name
      integer(c_int64_t), intent(in) :: rows, columns
      call check(c_create(name//c_null_char, "<f8"//c_null_char, 2_c_size_t, [rows, columns], c_null_ptr, &
                          create%handle))
      call look(create)
   end function

   ! Opens for writing: who locks, if only to read, writes into the lock.
   type(array) function open_array(name)
      character(*), intent(in) :: name
      call check(c_open(name//c_null_char, write_access, open_array%handle))
      call look(open_array)
   end function

   subroutine look(this)
      type(array), intent(inout) :: this
      type(view_t) :: view
      view%size = c_sizeof(view)
      call check(c_view(this%handle, view))
      if (text(view%dtype) /= "<f8" .or. view%ndim /= 2 .or. iand(view%flags, c_contiguous) == 0) &
         error stop "not two-dimensional float64 in C order"
      call c_f_pointer(view%data, this%elements, view%shape([2, 1]))
   end subroutine

   ! Fails, too, where an earlier holder died while writing.
   subroutine lock(this, mode, timeout_ns)
      class(array), intent(in) :: this
      integer(c_int32_t), intent(in) :: mode
      integer(c_int64_t), intent(in) :: timeout_ns
      call check(c_lock(this%handle, mode, timeout_ns))
   end subroutine

   subroutine unlock(this)
      class(array), intent(in) :: this
      call check(c_unlock(this%handle))
   end subroutine

   subroutine close (this)
      class(array), intent(inout) :: this
      call c_close(this%handle)
      this%handle = c_null_ptr
      nullify (this%elements)
   end subroutine
end module
