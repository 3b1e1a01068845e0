// Package shmarray is what the examples need of shm_array.h: arrays, their elements, and the lock, by cgo.
package shmarray

/*
#cgo CFLAGS: -I${SRCDIR}/../../../include
#cgo LDFLAGS: -L${SRCDIR}/../../../target/release -lshm_array -Wl,-rpath,${SRCDIR}/../../../target/release
#include <stdlib.h>
#include <shm_array.h>
*/
import "C"

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

const (
	Exclusive = C.SHM_ARRAY_EXCLUSIVE
	Shared    = C.SHM_ARRAY_SHARED
)

// Error has the library's words; errors.Is(err, fs.ErrNotExist) and the like work through the errno in it.
type Error struct {
	Code  int
	Words string
}

func (e *Error) Error() string { return e.Words }

func (e *Error) Unwrap() error {
	if e.Code > 0 {
		return syscall.Errno(e.Code)
	}
	return nil
}

// The words are the thread's, and between two calls a goroutine may move to another thread.
func check(call func() C.int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if code := call(); code != 0 {
		return &Error{int(code), C.GoString(C.shm_array_error_detail())}
	}
	return nil
}

// Array is a handle. Go's collector knows nothing of the memory: whoever opens it closes it, once, and lets go of the
// slices of its elements before; to touch one later is a fault.
type Array struct {
	handle *C.shm_array_t
	view   C.shm_array_view_t
}

func Create(name, dtype string, shape ...uint64) (*Array, error) {
	cName, cDtype, lengths := C.CString(name), C.CString(dtype), append(shape, 0) // never empty
	defer C.free(unsafe.Pointer(cName))
	defer C.free(unsafe.Pointer(cDtype))
	return opened(func(out **C.shm_array_t) C.int {
		return C.shm_array_create(cName, cDtype, C.size_t(len(shape)), (*C.uint64_t)(&lengths[0]), nil, out)
	})
}

// Open opens for writing: who locks, if only to read, writes into the lock.
func Open(name string) (*Array, error) {
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	return opened(func(out **C.shm_array_t) C.int { return C.shm_array_open(cName, C.SHM_ARRAY_WRITE, out) })
}

func opened(open func(**C.shm_array_t) C.int) (*Array, error) {
	array := &Array{}
	array.view.size = C.sizeof_shm_array_view_t
	if err := check(func() C.int { return open(&array.handle) }); err != nil {
		return nil, err
	}
	if err := check(func() C.int { return C.shm_array_view(array.handle, &array.view) }); err != nil {
		array.Close()
		return nil, err
	}
	return array, nil
}

func (a *Array) Close() { C.shm_array_close(a.handle); *a = Array{} }

// Lock also fails where an earlier holder died while writing; Close gives back what it holds then.
func (a *Array) Lock(mode uint32, timeout time.Duration) error {
	return check(func() C.int { return C.shm_array_lock(a.handle, C.uint32_t(mode), C.int64_t(timeout)) })
}

func (a *Array) Unlock() error { return check(func() C.int { return C.shm_array_unlock(a.handle) }) }

func (a *Array) Shape() []uint64 {
	return unsafe.Slice((*uint64)(&a.view.shape[0]), a.view.ndim)
}

// Float64s are the elements themselves, not a copy of them.
func (a *Array) Float64s() ([]float64, error) {
	if dtype := C.GoString(a.view.dtype); dtype != "<f8" || a.view.flags&C.SHM_ARRAY_VIEW_C_CONTIGUOUS == 0 {
		return nil, fmt.Errorf("%s elements, or with gaps: not []float64", dtype)
	}
	return unsafe.Slice((*float64)(a.view.data), a.view.count), nil
}
