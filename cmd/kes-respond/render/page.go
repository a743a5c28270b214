// Package render makes of a report what people read: text, or a page, which it puts
// into a file of its owner's.
package render

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/journal/report"
)

// Page is the page that kes-respond-report makes of a report. It is a program
// of its own because what draws charts would be paid for by every start. It is
// not looked for in PATH, where another one may come first, and is told nothing
// of the environment, where the password may be. executable is where kes-respond
// lies; it is empty where the system does not say.
func Page(ctx context.Context, executable string, r report.Report) ([]byte, error) {
	if executable == "" {
		return nil, errors.New("the system does not say where kes-respond lies, and kes-respond-report lies beside it")
	}
	here, err := filepath.EvalSymlinks(executable)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(filepath.Dir(here), "kes-respond-report")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if _, err := os.Stat(program); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there: put it beside kes-respond, or leave out --html", program)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var page, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, program)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = []string{}, bytes.NewReader(data), &page, &complaint
	const mend = "\n  take kes-respond and kes-respond-report of the same release"
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(complaint.String()); text != "" {
			return nil, errors.New(text + mend)
		}
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	if !bytes.HasSuffix(bytes.TrimSpace(page.Bytes()), []byte("</html>")) {
		return nil, fmt.Errorf("%s gave no page%s", program, mend)
	}
	return page.Bytes(), nil
}
