package main

import (
	"os"
	"path/filepath"
	"time"
)

// start measures programs that link one thing and do nothing: what is linked
// costs at each start, used or not.
func (b *bench) start() error {
	entries, err := os.ReadDir(filepath.Join(b.programs, "start"))
	if err != nil {
		return err
	}
	s := &server{env: []string{"PATH=" + os.Getenv("PATH")}}
	programs := map[string][]string{"kes-respond": {b.program("kes-respond"), "version"}}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		programs[e.Name()] = []string{b.program(filepath.Join("start", e.Name()))}
	}
	names = append(names, "kes-respond")
	cpu := map[string][]time.Duration{}
	for range b.of(60, 5) {
		for name, args := range programs {
			took, err := whole(b.command(s, args[0], args[1:]...))
			if err != nil {
				return err
			}
			cpu[name] = append(cpu[name], took.cpu)
		}
	}
	for _, name := range names {
		took := median(cpu[name])
		b.table.row("start, CPU: "+name, ms(took), ms(median(cpu[names[0]]))+" "+names[0], times(float64(took)/float64(median(cpu[names[0]]))), "")
	}
	return nil
}
