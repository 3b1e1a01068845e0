// Makes an array that other processes can open, in any language, and fills it under the exclusive lock.
//
// run: cd examples/go && go run ./writer
package main

import (
	"log"

	"example/shmarray"
)

func main() {
	if err := write(); err != nil {
		log.Fatal(err)
	}
}

func write() error {
	temperature, err := shmarray.Create("temperature", "<f8", 1000, 1000)
	if err != nil {
		return err
	}
	defer temperature.Close()
	celsius, err := temperature.Float64s()
	if err != nil {
		return err
	}
	if err := temperature.Lock(shmarray.Exclusive, -1); err != nil {
		return err
	}
	defer temperature.Unlock()
	for i := range celsius {
		celsius[i] = float64(i / 1000)
	}
	return nil
}
