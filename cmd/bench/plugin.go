package main

import (
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// plugin measures the go-plugin carrier: what a host waits for at the launch,
// and what a request takes beside the same over lines.
func (b *bench) plugin() error {
	s, err := b.emulator("plugin")
	if err != nil {
		return err
	}
	defer s.stop()
	var launches []time.Duration
	for range b.of(30, 3) {
		start := time.Now()
		var first time.Duration
		_, err := b.hosted(s, func(p *rpc.Client) error {
			r, refusal := shared.ParseRequest([]byte(request("dry", 1, `,"dryRun":true`)))
			if refusal != nil {
				return refusal
			}
			p.Respond(b.ctx, r, func(shared.Event) {
				if first == 0 {
					first = time.Since(start)
				}
			})
			return nil
		})
		if err != nil {
			return err
		}
		launches = append(launches, first)
	}
	b.table.row("go-plugin: launch to first event (a dry run)", ms(median(launches)), "", "", "")

	const flight = 8
	n := b.of(4000, 200)
	start := time.Now()
	var wall time.Duration
	took, err := b.hosted(s, func(p *rpc.Client) error {
		defer func() { wall = time.Since(start) }()
		return ask(b, p, n, flight)
	})
	if err != nil {
		return err
	}
	lines, err := b.inFlight(s, flight, n)
	if err != nil {
		return err
	}
	per := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3/float64(n)) }
	b.table.row("go-plugin, 8 in flight: requests a second", fmt.Sprintf("%.0f", float64(n)/wall.Seconds()),
		fmt.Sprintf("%.0f serve", float64(n)/lines.wall.Seconds()), times(lines.wall.Seconds()/wall.Seconds()), "")
	b.table.row("go-plugin, 8 in flight: CPU a request, without the host's", per(took.cpu), per(lines.cpu)+" serve", times(took.cpu.Seconds()/lines.cpu.Seconds()), "")
	return nil
}

// hosted launches the program as a plugin, and ends it.
func (b *bench) hosted(s *server, use func(*rpc.Client) error) (spent, error) {
	cmd := exec.Command(b.program("kes-respond"))
	cmd.Env = s.env
	p, err := rpc.Launch(b.ctx, cmd, rpc.LaunchOptions{})
	if err != nil {
		return spent{}, err
	}
	err = use(p)
	if closed := p.Close(b.ctx); err == nil {
		err = closed
	}
	if err != nil || cmd.ProcessState == nil {
		return spent{}, err
	}
	return after(cmd, 0), nil
}

// ask sends n requests, so many at a time.
func ask(b *bench, p *rpc.Client, n, flight int) error {
	numbers, wrong := make(chan int), make(chan error, flight)
	var all sync.WaitGroup
	for range flight {
		all.Go(func() {
			for i := range numbers {
				r, refusal := shared.ParseRequest([]byte(request("plugged", i, "")))
				if refusal != nil {
					wrong <- refusal
					return
				}
				if result := p.Respond(b.ctx, r, func(shared.Event) {}); result.Outcome != shared.Submitted {
					wrong <- fmt.Errorf("%s: %s", result.Outcome, result.Message)
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case numbers <- i:
		case err = <-wrong:
		}
	}
	close(numbers)
	all.Wait()
	return err
}
