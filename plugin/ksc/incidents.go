package ksc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// AddIncidentMethod is what an Error of AddIncident has as its Method.
const AddIncidentMethod = "HostGroup.AddIncident"

const findIncidents = "HostGroup.FindIncidents"

// Incident is the KSC record of a request (KSCAPI a00092).
type Incident struct {
	ID           int64
	Severity     int
	Added        time.Time // true UTC, whole seconds
	Body         string
	Host         string // host id
	Handled      bool
	HandledKnown bool
}

// AddIncident stores an incident and gives its id. It must not be repeated:
// KSC has no key by which it would know the second from the first. When the
// error's Delivery is Unknown the incident may exist.
func (c *Client) AddIncident(ctx context.Context, in Incident) (int64, error) {
	const method = AddIncidentMethod
	if !utf8.ValidString(in.Body) || !utf8.ValidString(in.Host) {
		return 0, &Error{Kind: KindRefused, Method: method, Message: "the incident is not UTF-8", Delivery: NotSent}
	}
	var answer struct {
		ID incidentID `json:"PxgRetVal"`
	}
	type data struct {
		Severity int     `json:"KLINCDT_SEVERITY"`
		Added    wrapped `json:"KLINCDT_ADDED"`
		Body     string  `json:"KLINCDT_BODY"`
		Host     string  `json:"KLHST_WKS_HOSTNAME"`
	}
	sealed := func() []string { return texts(in.Body, in.Host) }
	err := c.order(ctx, ask{method: method, answer: &answer, sealed: sealed, args: struct {
		Data data `json:"pData"`
	}{data{in.Severity, datetime(in.Added), in.Body, in.Host}}})
	if err != nil {
		return 0, err
	}
	if answer.ID == 0 {
		return 0, unusable(method, "KSC answered without an incident number")
	}
	return int64(answer.ID), nil
}

// incidentID is what AddIncident answers with; anything but a number above
// zero makes the answer a bad one.
type incidentID int64

// UnmarshalJSON reads the number.
func (i *incidentID) UnmarshalJSON(data []byte) error {
	n, ok := (value{unwrap(data)}).integer()
	if !ok || n < 1 {
		return errors.New("no incident number")
	}
	*i = incidentID(n)
	return nil
}

// UpdateIncident sets whether an incident is handled; KSC wants its host to be
// named (KSCAPI a00483). It may be repeated.
func (c *Client) UpdateIncident(ctx context.Context, id int64, host string, handled bool) error {
	type data struct {
		Handled bool   `json:"KLINCDT_IS_HANDLED"`
		Host    string `json:"KLHST_WKS_HOSTNAME"`
	}
	return c.call(ctx, "HostGroup.UpdateIncident", struct {
		ID   int64 `json:"nId"`
		Data data  `json:"pData"`
	}{id, data{handled, host}}, nil)
}

// Incident reads one incident. IsNotFound says that there is none. It may be
// repeated.
func (c *Client) Incident(ctx context.Context, id int64) (Incident, error) {
	all, err := c.findIncidents(ctx, fmt.Sprintf("(KLINCDT_ID=%d)", id), 2, func(in Incident) bool { return in.ID == id })
	switch {
	case err != nil:
		return Incident{}, err
	case len(all) == 0:
		return Incident{}, &Error{Kind: KindNotFound, Method: findIncidents, Delivery: Answered, Message: fmt.Sprintf("there is no incident %d", id)}
	}
	return all[0], nil
}

// FindIncidents gives the incidents of one host that were added at a moment or
// later, by rising number. Where it found more than limit, or more than memory
// is given to, the error is of KindTruncated and comes with those that were
// read: one that is not among them may be there all the same. It may be
// repeated.
func (c *Client) FindIncidents(ctx context.Context, host string, since time.Time, limit int) ([]Incident, error) {
	return c.ofHost(ctx, host, addedSince(since), limit, func(Incident) bool { return true })
}

// FindIncidentsAfter is FindIncidents of what followed an incident: those of
// its host with a higher number, and those that were added at a moment or
// later, without itself. That numbers rise is documented nowhere, and whoever
// adds an incident writes its moment as he likes, so either is enough. An
// incident below 1 is none: then the moment alone decides.
func (c *Client) FindIncidentsAfter(ctx context.Context, host string, incident int64, since time.Time, limit int) ([]Incident, error) {
	if incident < 1 {
		return c.FindIncidents(ctx, host, since, limit)
	}
	return c.ofHost(ctx, host, after(incident, since), limit, func(in Incident) bool {
		return in.ID != incident && (in.ID > incident || in.Added.IsZero() || !in.Added.Before(since.Truncate(time.Second)))
	})
}

// addedSince is the filter for a moment and what is later, to the second
// (KSCAPI a00002).
func addedSince(t time.Time) string {
	return fmt.Sprintf(`(KLINCDT_ADDED>=T"%s")`, t.UTC().Format(time.DateTime))
}

// after is the filter for a higher number, or a moment and what is later; the
// incident itself, which may be long, is not read once more.
func after(incident int64, since time.Time) string {
	return fmt.Sprintf("(KLINCDT_ID<>%d)(|(KLINCDT_ID>%d)%s)", incident, incident, addedSince(since))
}

func filterOfHost(host, filter string) (string, error) {
	id, err := quoted(host)
	return fmt.Sprintf("(&(KLHST_WKS_HOSTNAME=%s)%s)", id, filter), err
}

// ofHost gives the incidents of one host that match, also in the filter's
// language. The host is compared here once more, whatever KSC makes of a
// filter: without regard to case, as Host does, for an order may have named it
// in another.
func (c *Client) ofHost(ctx context.Context, host, filter string, limit int, matches func(Incident) bool) ([]Incident, error) {
	whole, err := filterOfHost(host, filter)
	if err != nil {
		return nil, noSuchHost(findIncidents, err)
	}
	nameless := false
	all, err := c.findIncidents(ctx, whole, limit, func(in Incident) bool {
		nameless = nameless || in.Host == ""
		return strings.EqualFold(in.Host, host) && matches(in)
	})
	if err == nil && nameless {
		return nil, unusable(findIncidents, "KSC answered with an incident without a host, so none can be said to be missing")
	}
	return all, err
}

// findIncidents gives those of the incidents found that match, also with an
// error of KindTruncated.
func (c *Client) findIncidents(ctx context.Context, filter string, most int, matches func(Incident) bool) ([]Incident, error) {
	fields := []string{"KLINCDT_ID", "KLINCDT_SEVERITY", "KLINCDT_ADDED", "KLINCDT_BODY", "KLINCDT_IS_HANDLED", "KLHST_WKS_HOSTNAME"}
	var all []Incident
	err := search{
		method: findIncidents,
		args: struct {
			Filter   string    `json:"strFilter"`
			Fields   []string  `json:"pFieldsToReturn"`
			Order    []wrapped `json:"pFieldsToOrder"`
			Lifetime int       `json:"lMaxLifeTime"`
		}{filter, fields, []wrapped{wrapParams(map[string]any{"Name": "KLINCDT_ID", "Asc": true})}, setLifetime},
		names: fields, most: most, step: c.recordsBytes, budget: c.searchBytes, foreign: true,
		take: func(r row) error {
			in, err := incidentOf(r)
			if err == nil && matches(in) {
				all = append(all, in)
			}
			return err
		},
	}.run(ctx, c)
	if err != nil && !isTruncated(err) {
		return nil, err
	}
	return all, err
}

func incidentOf(r row) (Incident, error) {
	id, ok := r["KLINCDT_ID"].integer()
	if !ok {
		return Incident{}, unusable(findIncidents, "KSC answered with an incident without a number")
	}
	in := Incident{ID: id, Added: r["KLINCDT_ADDED"].moment(), Body: r["KLINCDT_BODY"].text(), Host: r["KLHST_WKS_HOSTNAME"].text()}
	severity, _ := r["KLINCDT_SEVERITY"].integer()
	in.Severity = int(severity)
	in.Handled, in.HandledKnown = r["KLINCDT_IS_HANDLED"].boolean()
	return in, nil
}
