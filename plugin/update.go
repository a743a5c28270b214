package plugin

import (
	"context"
	"errors"
	"time"
)

// update repeats the second step, which may be repeated, until it is done, KSC
// refuses it, or the time is over. last is why it is not done yet.
func (o *order) update(ctx context.Context, incident int64, last error) error {
	tried := !errors.Is(last, errNotTried)
	if tried && !passing(last) {
		return last
	}
	ctx, cancel := o.plugin.outlasting(ctx)
	defer cancel()
	if tried && !o.server.pause(ctx, 1) {
		return last
	}
	err := o.server.talk(ctx, func() error {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendBound)
		defer cancel()
		return o.server.client.UpdateIncident(bound, incident, o.host.ID, false)
	})
	if err != nil && err == ctx.Err() { //nolint:errorlint // no turn was had any more
		return last
	}
	return err
}

// errNotTried says that nobody has tried the second step yet.
var errNotTried = errors.New("UpdateIncident has not been tried")

// leastUpdate is how long the second step is tried at least: a caller that
// takes its request back, or whose time is over, leaves nothing half done.
const leastUpdate = 10 * time.Second

// outlasting ends leastUpdate after ctx does, or when the Plugin is closed.
func (p *Plugin) outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var timer *time.Timer
	began := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer = time.AfterFunc(leastUpdate, cancel)
		close(began)
	})
	closed := context.AfterFunc(p.closing, cancel)
	return longer, func() {
		closed()
		if !stop() {
			<-began
			timer.Stop()
		}
		cancel()
	}
}
