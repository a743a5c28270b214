package plugin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The bounds of what is looked at before a request is sent.
const (
	surveyBound  = 5 * time.Second  // in all: a KSC that is slow holds up no request for longer
	consoleFresh = time.Minute      // an answer on the service console counts for so long
	versionFresh = 10 * time.Minute // and one on KSC's version
)

// survey looks, before a request is sent, at what stands in its way, and takes
// down which console tasks the host has: what is made of the request is not among
// those. It refuses nothing, for what it reads is not confirmed to mean what it
// seems to; what cannot be read is told where the caller wants to wait for the
// end. Where KSC cannot be asked at all the sending will say so.
func (o *order) survey(ctx context.Context) {
	if !o.server.follows() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, surveyBound)
	defer cancel()
	if !o.opened(ctx) {
		return
	}
	_ = o.server.once(ctx, func() error { // what the sending meets again it will tell
		if err := o.server.askConsole(ctx); ailing(err) {
			return err
		}
		if err := o.baselined(ctx); ailing(err) {
			return err
		}
		if o.request.Wait != shared.WaitDone {
			return nil
		}
		return errors.Join(o.server.askVersion(ctx), o.present(ctx))
	})
	if off := o.console(); off != nil {
		o.remarks = append(o.remarks, off...)
		if o.baseline != nil {
			o.baseline.ConsoleOff = true
		}
	}
	if o.request.Wait == shared.WaitDone {
		o.remarks = append(o.remarks, o.shortcomings()...)
	}
}

// opened says that there is a session in time. A login that takes longer goes on,
// for the sending to have, until leave: one that is given up may leave a session
// at KSC.
func (o *order) opened(ctx context.Context) bool {
	opening, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- o.server.client.Open(opening)
	}()
	o.leaving = append(o.leaving, func() { cancel(); <-ended })
	select {
	case err := <-done:
		return err == nil
	case <-ctx.Done():
		return false
	}
}

// baselined takes down the host's console tasks. Those of the host alone take a
// call each, so they are read only for a caller who waits for the end.
func (o *order) baselined(ctx context.Context) error {
	ids, err := o.server.client.TasksOfHost(ctx, o.host.ID)
	if err != nil {
		o.unseen(stepList, err)
	} else {
		o.baseline = &journal.Baseline{Tasks: append([]string{}, ids...)} // not nil: it was read
	}
	if ailing(err) || o.request.Wait != shared.WaitDone {
		return err
	}
	local, err := o.server.client.LocalTasks(ctx, o.host.ID)
	var own []string
	for more := true; more && err == nil; {
		var t ksc.ConsoleTask
		if t, more, err = local.Next(ctx); more && err == nil {
			own = append(own, t.ID)
		}
	}
	if err != nil {
		o.unseen(stepLocal, err)
		return err
	}
	if o.baseline == nil {
		o.baseline = &journal.Baseline{}
	}
	o.baseline.Local, o.baseline.LocalRead = own, true
	return nil
}

// unseen tells a caller who wants to wait what will not be seen.
func (o *order) unseen(what step, err error) {
	e, ok := errors.AsType[*ksc.Error](err)
	switch {
	case ksc.IsNotFound(err):
		const gone = "KSC says that it knows no host with this id: likely nothing comes of the request"
		if !slices.Contains(o.remarks, gone) {
			o.remarks = append(o.remarks, gone)
		}
	case o.request.Wait == shared.WaitDone && ok && (e.Kind == ksc.KindDenied || e.Kind == ksc.KindUnsupported):
		o.remarks = append(o.remarks, cannot(what, err))
	}
}

// present reads how the host stands, where it was not looked up.
func (o *order) present(ctx context.Context) error {
	if o.seen != nil {
		return nil
	}
	h, err := o.server.client.Host(ctx, o.host.ID)
	if err == nil {
		o.seen = &h
	}
	return err
}
