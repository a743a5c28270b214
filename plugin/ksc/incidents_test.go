package ksc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

func numbers(incidents []ksc.Incident) []int64 {
	out := []int64{}
	for _, in := range incidents {
		out = append(out, in.ID)
	}
	return out
}

// stored is a server's state: the incidents of this host, and one of another
// behind each, an hour apart from noon on.
func stored(host string, count int) (state *ksctest.State, noon time.Time) {
	noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	state = &ksctest.State{}
	for n := range count {
		for i, h := range []string{host, host + "0"} {
			state.Incidents = append(state.Incidents, ksctest.Incident{
				ID: int64(10*(n+1) + i), Severity: 2, Host: h, Body: fmt.Sprint(n),
				Added: noon.Add(time.Duration(n) * time.Hour).Format("2006-01-02T15:04:05Z"),
			})
		}
	}
	return state, noon
}

// TestWhatFollowedAnIncident is found by its number or by its moment, whatever
// the other says, and only where it is of the host.
func TestWhatFollowedAnIncident(t *testing.T) {
	state, noon := stored(hostID, 4) // 10, 20, 30, 40
	state.Incidents[0].Added = noon.Add(9 * time.Hour).Format("2006-01-02T15:04:05Z")
	state.Incidents[6].Added = noon.Add(-9 * time.Hour).Format("2006-01-02T15:04:05Z")
	synctest.Test(t, func(t *testing.T) {
		_, c := emulated(t, ksctest.Options{State: state})
		for _, one := range []struct {
			after int64
			since time.Time
			want  []int64
		}{
			{20, noon.Add(time.Hour), []int64{10, 30, 40}}, // 10 by its moment alone, 40 by its number alone
			{20, noon.Add(time.Hour + 999*time.Millisecond), []int64{10, 30, 40}},
			{30, noon.Add(time.Hour), []int64{10, 20, 40}},
			{30, noon.Add(9*time.Hour + time.Second), []int64{40}},
			{40, noon.Add(10 * time.Hour), []int64{}},
			{0, noon.Add(2 * time.Hour), []int64{10, 30}}, // no incident: the moment alone
		} {
			for _, host := range []string{hostID, strings.ToUpper(hostID)} {
				found, err := c.FindIncidentsAfter(t.Context(), host, one.after, one.since, 3)
				require.NoError(t, err)
				assert.Equal(t, one.want, numbers(found), "after %d, since %s", one.after, one.since)
			}
		}
	})
}

// TestAFilterThatKSCPassesOver: what comes back is compared here.
func TestAFilterThatKSCPassesOver(t *testing.T) {
	row := func(id int, host, added string) string {
		return fmt.Sprintf(`{"KLINCDT_ID":%d,"KLHST_WKS_HOSTNAME":%q,"KLINCDT_ADDED":{"type":"datetime","value":%q}}`, id, host, added)
	}
	const early, late = "2026-11-25T11:59:59Z", "2026-11-25T12:00:00Z"
	all := []string{
		row(1, "h", early), row(2, "h", late), row(3, "h", ""), row(4, "other", late), row(5, "h", late), row(6, "h", early), row(7, "hh", late),
	}
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		c := client(t, newRogue(t, found(fmt.Sprint(len(all)), strings.Join(all, ","))).Dial)
		after, err := c.FindIncidentsAfter(t.Context(), "h", 5, noon.Add(time.Millisecond), len(all))
		require.NoError(t, err)
		assert.Equal(t, []int64{2, 3, 6}, numbers(after), "one without a moment may be later")
	})
	synctest.Test(t, func(t *testing.T) {
		c := client(t, newRogue(t, found("2", row(1, "h", late)+`,{"KLINCDT_ID":2}`)).Dial)
		_, err := c.FindIncidents(t.Context(), "h", noon, 5)
		assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind, "whose the second one is, nobody knows")
	})
}

// TestASearchCutShortSaysSo, also where those that were read are fewer than
// the limit because they are other hosts'.
func TestASearchCutShortSaysSo(t *testing.T) {
	state, noon := stored(hostID, 4)
	searches := map[string]func(context.Context, *ksc.Client, int) ([]ksc.Incident, error){
		"since": func(ctx context.Context, c *ksc.Client, limit int) ([]ksc.Incident, error) {
			return c.FindIncidents(ctx, hostID, noon, limit)
		},
		"after": func(ctx context.Context, c *ksc.Client, limit int) ([]ksc.Incident, error) {
			return c.FindIncidentsAfter(ctx, hostID, 1, noon, limit)
		},
	}
	for name, search := range searches {
		synctest.Test(t, func(t *testing.T) {
			server, c := emulated(t, ksctest.Options{State: state})
			found, err := search(t.Context(), c, 4)
			require.NoError(t, err, name)
			assert.Equal(t, []int64{10, 20, 30, 40}, numbers(found))
			found, err = search(t.Context(), c, 3)
			e := failed(t, err)
			assert.Equal(t, ksc.KindTruncated, e.Kind)
			assert.False(t, e.Passing(), "another try would see no more")
			assert.Contains(t, e.Error(), "4 records, of which no more than 3 are read")
			assert.Equal(t, []int64{10, 20, 30}, numbers(found), "what was read is there")
			assert.Equal(t, 2, called(server, "ChunkAccessor.Release"))
		})
	}
	synctest.Test(t, func(t *testing.T) {
		rows := `{"KLINCDT_ID":1,"KLHST_WKS_HOSTNAME":"other"},{"KLINCDT_ID":2,"KLHST_WKS_HOSTNAME":"other"}`
		c := client(t, newRogue(t, found("3", rows)).Dial)
		found, err := c.FindIncidents(t.Context(), "h", noon, 2)
		assert.Equal(t, ksc.KindTruncated, failed(t, err).Kind)
		assert.Empty(t, found)
	})
	synctest.Test(t, func(t *testing.T) {
		c := client(t, newRogue(t, found("3", `{"KLINCDT_ID":1,"KLHST_WKS_HOSTNAME":"h"}`, "")).Dial)
		found, err := c.FindIncidents(t.Context(), "h", noon, 2)
		assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind)
		assert.Nil(t, found, "an answer that cannot be right is none")
	})
}

// TestTooManyHostsOfAName: none of them can be trusted to be the only one.
func TestTooManyHostsOfAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inventory []ksctest.Host
		for i := range 2001 {
			inventory = append(inventory, ksctest.Host{ID: fmt.Sprint("id-", i), DN: "Twin"})
		}
		_, c := emulated(t, ksctest.Options{Inventory: inventory})
		hosts, err := c.FindHosts(t.Context(), ksc.ByAny, "twin", 20)
		assert.Equal(t, ksc.KindTruncated, failed(t, err).Kind)
		assert.Nil(t, hosts)
	})
}
