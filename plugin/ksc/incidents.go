package ksc

import (
	"context"
	"errors"
	"fmt"
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
	if err != nil {
		return Incident{}, err
	}
	if len(all) == 0 {
		return Incident{}, &Error{Kind: KindNotFound, Method: findIncidents, Delivery: Answered, Message: fmt.Sprintf("there is no incident %d", id)}
	}
	return all[0], nil
}

// FindIncidents gives the incidents of one host from a moment on, at most
// limit and one more. It may be repeated.
func (c *Client) FindIncidents(ctx context.Context, host string, since time.Time, limit int) ([]Incident, error) {
	filter, err := incidentsFilter(host, since)
	if err != nil {
		return nil, noSuchHost(findIncidents, err)
	}
	return c.findIncidents(ctx, filter, limit+1, func(in Incident) bool { return in.Host == host })
}

func incidentsFilter(host string, since time.Time) (string, error) {
	id, err := quoted(host)
	return fmt.Sprintf(`(&(KLHST_WKS_HOSTNAME=%s)(KLINCDT_ADDED>=T"%s"))`, id, since.UTC().Format(time.DateTime)), err
}

// findIncidents gives those of the incidents found that match.
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
	if err != nil {
		return nil, err
	}
	return all, nil
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
