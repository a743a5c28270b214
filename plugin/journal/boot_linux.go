package journal

import (
	"bytes"
	"os"
)

// bootID names this boot of the machine.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(text) < 36 {
		return ""
	}
	return string(bytes.ReplaceAll(text[:36], []byte("-"), nil)[:16])
}
