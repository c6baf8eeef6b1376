// A selection among N ready channels with reflect.Select, refilled after each: seconds of one.
package main

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"time"
)

func main() {
	guards, _ := strconv.Atoi(os.Args[1])
	rounds, _ := strconv.Atoi(os.Args[2])
	channels := make([]chan int, guards)
	cases := make([]reflect.SelectCase, guards)
	for i := range channels {
		channels[i] = make(chan int, 1)
		channels[i] <- 1
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channels[i])}
	}
	started := time.Now()
	for i := 0; i < rounds; i++ {
		chosen, _, _ := reflect.Select(cases)
		channels[chosen] <- 1
	}
	fmt.Println(time.Since(started).Seconds() / float64(rounds))
}
