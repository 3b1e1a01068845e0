// Opens the array that a writer has made, in any language, and adds it up under the shared lock.
//
// run: cd examples/go && go run ./reader
package main

import (
	"fmt"
	"log"
	"time"

	"example/shmarray"
)

func main() {
	if err := read(); err != nil {
		log.Fatal(err)
	}
}

func read() error {
	temperature, err := shmarray.Open("temperature")
	if err != nil {
		return err
	}
	defer temperature.Close()
	celsius, err := temperature.Float64s()
	if err != nil {
		return err
	}
	if err := temperature.Lock(shmarray.Shared, 5*time.Second); err != nil {
		return err
	}
	defer temperature.Unlock()
	sum := 0.0
	for _, degrees := range celsius {
		sum += degrees
	}
	shape := temperature.Shape()
	fmt.Printf("%d x %d numbers, mean %.1f\n", shape[0], shape[1], sum/float64(len(celsius)))
	return nil
}
