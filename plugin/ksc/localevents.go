package ksc

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// longestEventName is how much of a console task's name an event has, in
// characters (KSCAPI a00134).
const longestEventName = 100

// LocalEvents gives the latest events on a host of a console task that is the
// host's alone, as TaskEvents does for others. KSC keeps no history of those by
// their id, so they are found by the name, of which an event has the first 100
// characters: two console tasks that begin alike cannot be told apart here. It is
// three calls, and may be repeated.
func (c *Client) LocalEvents(ctx context.Context, host, name string, most int) ([]TaskEvent, error) {
	const method = "EventProcessingFactory.CreateEventProcessingForHost2"
	if reason := unnameable(host); reason != nil {
		return nil, noSuchHost(method, reason)
	}
	begins := firstCharacters(name, longestEventName)
	text, err := quoted(begins)
	if err != nil || begins == "" {
		return nil, noSuchTask(method, fmt.Errorf("has a name that cannot be searched for: %w", err))
	}
	most = min(max(most, 1), maxEvents)
	fields := []string{
		"event_type", "event_type_display_name", "task_new_state", "rise_time", "event_db_id", "hostname", "GNRL_EA_SEVERITY", "GNRL_EA_DESCRIPTION", "task_display_name",
	}
	p, err := cursor{
		open: method, read: "EventProcessing.GetRecordRange", release: "EventProcessing.ReleaseIterator",
		args: struct {
			Host     string            `json:"strHostName"`
			Product  string            `json:"strProduct"`
			Version  string            `json:"strVersion"`
			Filter   map[string]string `json:"pFilter"`
			Fields   []string          `json:"vecFieldsToReturn"`
			Order    []wrapped         `json:"vecFieldsToOrder"`
			Lifetime int               `json:"lifetimeSec"`
		}{host, "", "", map[string]string{"KLEVP_RFC2254_FILTER": "(task_display_name=" + text + ")"}, fields, newestFirst(), setLifetime},
		id: "strIteratorId", list: "pParamsEvents", member: "KLEVP_EVENT_RANGE_ARRAY", names: fields, most: most,
	}.run(ctx, c)
	if err != nil {
		return nil, notAbsent(err)
	}
	return latest(slices.DeleteFunc(p.rows.all, func(r row) bool { return !strings.EqualFold(r["task_display_name"].text(), begins) }), fields, host, most), nil
}

func firstCharacters(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}
