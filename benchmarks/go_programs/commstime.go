// CommsTime: prints the seconds of one communication.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	rounds, _ := strconv.Atoi(os.Args[1])
	a, b, c, d := make(chan int), make(chan int), make(chan int), make(chan int)
	go func() {
		a <- 0
		for number := range c {
			a <- number
		}
	}()
	go func() {
		for number := range a {
			d <- number
			b <- number
		}
	}()
	go func() {
		for number := range b {
			c <- number + 1
		}
	}()
	for i := 0; i < 50; i++ {
		<-d
	}
	started := time.Now()
	for i := 0; i < rounds; i++ {
		<-d
	}
	fmt.Println(time.Since(started).Seconds() / float64(rounds) / 4)
}
