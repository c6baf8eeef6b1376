// The benchmarks in Go: channels PROGRAM [GUARDS] ROUNDS prints nanoseconds an operation.
//
//	commstime ROUNDS         one of the four communications of a round
//	selection GUARDS ROUNDS  reflect.Select over ready channels and the refill of the one taken
//	writers GUARDS ROUNDS    reflect.Select over unbuffered channels with a writer each
package main

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"time"
)

const warm = 50

func prefix(first int, feed <-chan int, out chan<- int) {
	out <- first
	for number := range feed {
		out <- number
	}
}

func delta(feed <-chan int, left, right chan<- int) {
	for number := range feed {
		left <- number
		right <- number
	}
}

func successor(feed <-chan int, out chan<- int) {
	for number := range feed {
		out <- number + 1
	}
}

func commstime(rounds int) float64 {
	a, b, c, d := make(chan int), make(chan int), make(chan int), make(chan int)
	go prefix(0, c, a)
	go delta(a, d, b)
	go successor(b, c)
	for i := 0; i < warm; i++ {
		<-d
	}
	started := time.Now()
	for i := 0; i < rounds; i++ {
		<-d
	}
	return float64(time.Since(started).Nanoseconds()) / float64(rounds) / 4
}

func receiving(channels []chan int) []reflect.SelectCase {
	cases := make([]reflect.SelectCase, len(channels))
	for i, channel := range channels {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channel)}
	}
	return cases
}

func selection(guards, rounds int) float64 {
	channels := make([]chan int, guards)
	for i := range channels {
		channels[i] = make(chan int, 1)
		channels[i] <- i
	}
	cases := receiving(channels)
	started := time.Now()
	for i := 0; i < rounds; i++ {
		chosen, number, _ := reflect.Select(cases)
		channels[chosen] <- int(number.Int())
	}
	return float64(time.Since(started).Nanoseconds()) / float64(rounds)
}

func writer(number int, out chan<- int) {
	for {
		out <- number
	}
}

func writers(guards, rounds int) float64 {
	channels := make([]chan int, guards)
	for i := range channels {
		channels[i] = make(chan int)
		go writer(i, channels[i])
	}
	cases := receiving(channels)
	for range channels {
		reflect.Select(cases)
	}
	started := time.Now()
	for i := 0; i < rounds; i++ {
		reflect.Select(cases)
	}
	return float64(time.Since(started).Nanoseconds()) / float64(rounds)
}

func main() {
	numbers := []int{}
	for _, text := range os.Args[2:] {
		number, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		numbers = append(numbers, number)
	}
	switch os.Args[1] {
	case "commstime":
		fmt.Println(commstime(numbers[0]))
	case "selection":
		fmt.Println(selection(numbers[0], numbers[1]))
	case "writers":
		fmt.Println(writers(numbers[0], numbers[1]))
	}
}
