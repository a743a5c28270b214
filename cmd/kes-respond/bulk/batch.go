package bulk

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// A batch is what makes it safe to run the same command again. Each target has an
// idempotency key made of the batch's name and of what is asked for, so that what
// an earlier run has sent is answered and not sent again. What surely was not sent
// has a new key in the next run. Without a name the batch is that of the same task,
// parameters and hosts, on whatever day: only a person can say that the same is
// meant once more.

// key is under which a target is sent.
type key struct {
	text    string
	earlier *journal.Record // that an earlier run has sent or begun; nil: none has
}

// named gives the batch its name, and each target its key.
func (b *bulk) named(ctx context.Context) error {
	b.batch = b.Batch
	server := b.Template.Server
	if server == "" {
		server = b.plugin.DefaultServer()
	}
	b.keys = make([]key, len(b.Targets))
	for i, t := range b.Targets {
		digest, err := b.plugin.Digest(ctx, strings.Join([]string{
			b.Template.Task, server, b.Template.HostLookup, strings.ToLower(t.Host), t.Params.Signature,
		}, "\x00"))
		if err != nil {
			return exit.Ledger(err)
		}
		b.keys[i].text = digest[:32]
	}
	if b.batch == "" {
		var sorted []string
		for _, k := range b.keys {
			sorted = append(sorted, k.text)
		}
		slices.Sort(sorted)
		digest, err := b.plugin.Digest(ctx, strings.Join(sorted, "\n"))
		if err != nil {
			return exit.Ledger(err)
		}
		b.batch = "batch-" + digest[:12]
	}
	for i := range b.keys {
		if err := b.lookBack(ctx, &b.keys[i]); err != nil {
			return exit.Ledger(err)
		}
	}
	return nil
}

// lookBack finds what earlier runs of the batch have done for a target.
func (b *bulk) lookBack(ctx context.Context, k *key) error {
	base := b.batch + " " + k.text
	for try := 1; ; try++ {
		k.text = base
		if try > 1 {
			k.text += " " + strconv.Itoa(try)
		}
		r, found, err := b.plugin.Earlier(ctx, k.text)
		if err != nil || !found {
			return err
		}
		if !surelyUnsent(r) {
			k.earlier = &r
			return nil
		}
	}
}

// surelyUnsent says that a request ended, and nothing of it has left. One that was
// claimed and then refused is one of which the ledger could not take down more.
func surelyUnsent(r journal.Record) bool {
	switch r.Outcome {
	case shared.Failed, shared.Cancelled, shared.Refused:
		return r.Incident == 0 && !r.MayBeSent
	}
	return false
}

// left says that something is to be done for a target: to send it, to find out
// what became of it, or to wait for its end where that is wanted.
func (b *bulk) left(k key) bool {
	if k.earlier == nil || k.earlier.Outcome == "" || k.earlier.Outcome == shared.Unknown {
		return true
	}
	return b.Template.Wait == shared.WaitDone && !k.earlier.Finished()
}

// before says what earlier runs have done: how many targets are left, and when
// the others were sent.
func (b *bulk) before() (left int, from, to time.Time) {
	for _, k := range b.keys {
		if b.left(k) {
			left++
		}
		if r := k.earlier; r != nil {
			if from.IsZero() || r.At.Before(from) {
				from = r.At
			}
			if r.At.After(to) {
				to = r.At
			}
		}
	}
	return left, from, to
}

// toSend are the targets of which nothing has left yet. What an earlier run has
// begun and not sent is among them: it is sent when nobody has it in hand.
func (b *bulk) toSend() (all []targets.Target) {
	for i, k := range b.keys {
		if k.earlier == nil || k.earlier.Outcome == "" && k.earlier.Stage == journal.Claimed {
			all = append(all, b.Targets[i])
		}
	}
	return all
}

// goneOnWith is how long after its last request a batch without a name of its own
// is gone on with: who was interrupted runs the same again, and later the same
// may be meant anew.
const goneOnWith = time.Hour

// fresh refuses a batch without a name of its own that an earlier run has carried
// out, or in part and long ago: whether a retry is meant or the same again, only
// the caller knows.
func (b *bulk) fresh() error {
	left, from, to := b.before()
	sent := len(b.Targets) - len(b.toSend())
	if b.Batch != "" || sent == 0 || left > 0 && time.Since(to) <= goneOnWith {
		return nil
	}
	between := fmt.Sprintf("between %s and %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	name := time.Now().UTC().Format("2006-01-02")
	if left == 0 {
		return exit.With(shared.ExitRefused, fmt.Errorf("the same was asked for all %d targets %s; nothing was sent.\n"+
			"  To send it once more, give this batch a name of its own: --batch NAME, such as --batch %s\n"+
			"  To hear what became of the earlier one: --batch %s", len(b.Targets), between, name, b.batch))
	}
	return exit.With(shared.ExitRefused, fmt.Errorf("%d of the %d targets were sent %s, which is long ago; nothing was sent now.\n"+
		"  To go on with that, and not to send those again: --batch %s\n"+
		"  To send all of it once more, give this batch a name of its own: --batch NAME, such as --batch %s", sent, len(b.Targets), between, b.batch, name))
}
