package journal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// RefusedFor is how long a refused password is remembered.
const RefusedFor = 10 * time.Minute

// maxRefused is how many passwords of one login are tried within RefusedFor.
// One that was changed is tried at once, and still whoever has another each
// time does not block the account.
const maxRefused = 3

// sumDigits is how much of the keyed digest of a refused password is kept: 16
// bits. That shows a change, save one time in 65536, and leaves who has the
// ledger with its key, but not the password, next to nothing to try guesses
// against.
const sumDigits = 4

type refusal struct {
	At      time.Time   `json:"at"`
	Sum     string      `json:"sum"`
	Code    shared.Code `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
}

// live says whether a refusal counts yet: neither is its time over, nor was the
// clock set back.
func (r refusal) live(now time.Time) bool {
	return now.Before(r.At.Add(RefusedFor)) && !r.At.After(now.Add(RefusedFor))
}

// Refused says why the last login with this password was refused and until when
// nobody tries it again; refused is false where one may try. Where maxRefused
// other passwords were refused none is tried, until the first of them may be.
func (l *Login) Refused() (code shared.Code, message string, until time.Time, refused bool) {
	live := l.others(time.Now(), "")
	for _, m := range live {
		if m.Sum == l.sum {
			return m.Code, m.Message, m.At.Add(RefusedFor), true
		}
	}
	if len(live) < maxRefused {
		return "", "", time.Time{}, false
	}
	last := live[len(live)-1]
	return last.Code, fmt.Sprintf("%d different passwords were refused, the last one so: %s", maxRefused, last.Message), live[0].At.Add(RefusedFor), true
}

// others are the refusals that count, without those of one password.
func (l *Login) others(now time.Time, sum string) []refusal {
	var live []refusal
	for _, m := range l.memory {
		if m.live(now) && m.Sum != sum {
			live = append(live, m)
		}
	}
	return live[max(0, len(live)-maxRefused):]
}

// Remember records that the password was refused: nobody tries it until
// RefusedFor has passed. The message is what a person may read; a password is
// never part of it.
func (l *Login) Remember(code shared.Code, message string) error {
	if l.j == nil {
		return nil
	}
	if err := l.held(); err != nil {
		return err
	}
	now := time.Now()
	memory := append(l.spared(now), refusal{now.UTC().Truncate(time.Millisecond), l.sum, code, shortened(message, maxMessage)})
	if err := l.keep(memory); err != nil {
		return err
	}
	l.j.tidyLogins()
	return nil
}

// spared are the refusals of other passwords, with room for one more.
func (l *Login) spared(now time.Time) []refusal {
	others := l.others(now, l.sum)
	return others[max(0, len(others)-maxRefused+1):]
}

func (l *Login) keep(memory []refusal) error {
	data, err := shared.ASCIIJSON(memory)
	if err == nil {
		err = l.j.replace(l.name+memoryEnd, data)
	}
	if err != nil {
		return l.j.wrap("the refused login cannot be remembered", err)
	}
	l.memory = memory
	return nil
}

// Forget records that the password was accepted. The refusals of others stay:
// whoever has one of those does not try it again for that.
func (l *Login) Forget() error {
	if l.j == nil {
		return nil
	}
	if err := l.held(); err != nil {
		return err
	}
	if others := l.spared(time.Now()); len(others) > 0 {
		return l.keep(others)
	}
	if err := l.j.root.Remove(l.name + memoryEnd); err != nil && !isMissing(err) {
		return l.j.wrap("the refused login cannot be forgotten", err)
	}
	l.memory = nil
	return nil
}

// read gives what the file says; nothing where that is not readable.
func (l *Login) read() (m []refusal) {
	f, err := l.j.open(l.name+memoryEnd, os.O_RDONLY)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return nil
	}
	return m
}
