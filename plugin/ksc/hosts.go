package ksc

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// Host is an endpoint as KSC knows it. Attributes that KSC left out are zero.
type Host struct {
	ID            string // KLHST_WKS_HOSTNAME, made by the server; no DNS name
	DisplayName   string
	FQDN          string
	DNSName       string
	NetBIOSName   string
	IPv4          netip.Addr
	ConnectIPv4   netip.Addr // where it connects from
	Status        int64      // bits of KSCAPI a00275
	StatusKnown   bool
	LastVisible   time.Time
	OS            string
	NagentVersion string
	KESVersion    string
	GroupID       int64
	Unassigned    bool // in no administration group
	GroupName     string
	GroupPath     string // with the groups above; in which form is documented nowhere
}

// By is what a host is looked up by.
type By int

// The ways to look a host up.
const (
	ByAny     By = iota // DNS name, FQDN, NetBIOS or display name
	ByDNS               // DNS name without its domain
	ByFQDN              // DNS name with its domain
	ByNetBIOS           // Windows computer name
	ByIP                // IPv4 address
)

func attributes(by By) []string {
	switch by {
	case ByDNS:
		return []string{"KLHST_WKS_DNSNAME"}
	case ByFQDN:
		return []string{"KLHST_WKS_FQDN"}
	case ByNetBIOS:
		return []string{"KLHST_WKS_WINHOSTNAME"}
	}
	return []string{"KLHST_WKS_DN", "KLHST_WKS_FQDN", "KLHST_WKS_DNSNAME", "KLHST_WKS_WINHOSTNAME"}
}

func hostFields() []string {
	return []string{
		"KLHST_WKS_HOSTNAME", "KLHST_WKS_DN", "KLHST_WKS_FQDN", "KLHST_WKS_DNSNAME", "KLHST_WKS_WINHOSTNAME",
		"KLHST_WKS_IP_LONG", "KLHST_WKS_CONNECT_IP_LONG", "KLHST_WKS_STATUS", "KLHST_WKS_LAST_VISIBLE", "KLHST_WKS_OS_NAME",
		"KLHST_WKS_NAG_VERSION", "KLHST_WKS_RTP_AV_VERSION", "KLHST_WKS_GROUPID", "name", "grp_full_name", "KLHST_WKS_FROM_UNASSIGNED",
	}
}

// FindHosts gives the hosts that have exactly this name, without regard to
// case, or this IPv4 address: at most limit and one more, which says that
// there are more. What the search returns is compared here once more, so that
// no wildcard in a name, and no reading of one by KSC, can match another
// host. A search too large to be read to its end is an error of KindTruncated:
// no host can be trusted to be the only one. It may be repeated.
func (c *Client) FindHosts(ctx context.Context, by By, name string, limit int) ([]Host, error) {
	const method = "HostGroup.FindHosts"
	filter, matches, err := hostFilter(by, name)
	if err != nil {
		return nil, noSuchHost(method, err)
	}
	fields := hostFields()
	if by == ByIP {
		fields = append(fields, olderAddress)
	}
	var hosts []Host
	err = search{
		method: method,
		args: struct {
			Filter   string          `json:"wstrFilter"`
			Fields   []string        `json:"vecFieldsToReturn"`
			Order    []string        `json:"vecFieldsToOrder"`
			Params   map[string]bool `json:"pParams"`
			Lifetime int             `json:"lMaxLifeTime"`
		}{filter, fields, []string{}, map[string]bool{"KLGRP_FIND_FROM_CUR_VS_ONLY": true}, setLifetime},
		names: fields, most: scanLimit, step: maxAnswerBytes, budget: maxHostsBytes,
		take: func(r row) error {
			if !matches(r) {
				return nil
			}
			if by == ByIP {
				if err := contradicted(method, name, r); err != nil {
					return err
				}
			}
			h := hostOf(r)
			if h.ID == "" {
				return unusable(method, "KSC answered with a host without an id, so none can be trusted to be the only one")
			}
			if len(hosts) <= limit {
				hosts = append(hosts, h)
			}
			return nil
		},
	}.run(ctx, c)
	if err != nil {
		return nil, err
	}
	return hosts, nil
}

// noSuchHost is a name that no host can have, so nobody was asked.
func noSuchHost(method string, reason error) *Error {
	return &Error{Kind: KindNotFound, Method: method, Message: "no host has such a name: it " + reason.Error(), Delivery: NotSent, Err: reason}
}

// The bounds of what is looked through for one name.
const (
	scanLimit     = 2000 // records
	maxHostsBytes = 8 << 20
)

// Host reads one host by its id. IsNotFound says that there is none. It may
// be repeated.
func (c *Client) Host(ctx context.Context, id string) (Host, error) {
	const method = "HostGroup.GetHostInfo"
	if reason := unnameable(id); reason != nil {
		return Host{}, noSuchHost(method, reason)
	}
	var answer struct {
		Row row `json:"PxgRetVal"`
	}
	err := c.call(ctx, method, struct {
		Name   string   `json:"strHostName"`
		Fields []string `json:"pFields2Return"`
	}{id, hostFields()}, &answer)
	if err != nil {
		return Host{}, err
	}
	if !answer.Row.hasAny(hostFields()) {
		return Host{}, unusable(method, "KSC answered without any of what was asked for")
	}
	h := hostOf(answer.Row)
	if h.ID == "" {
		h.ID = id
	}
	if h.ID != id && !strings.EqualFold(h.ID, id) {
		return Host{}, unusable(method, "KSC answered with another host")
	}
	return h, nil
}

func hostOf(r row) Host {
	h := Host{
		ID: r["KLHST_WKS_HOSTNAME"].text(), DisplayName: r["KLHST_WKS_DN"].text(), FQDN: r["KLHST_WKS_FQDN"].text(),
		DNSName: r["KLHST_WKS_DNSNAME"].text(), NetBIOSName: r["KLHST_WKS_WINHOSTNAME"].text(),
		LastVisible: r["KLHST_WKS_LAST_VISIBLE"].moment(), OS: r["KLHST_WKS_OS_NAME"].text(),
		NagentVersion: r["KLHST_WKS_NAG_VERSION"].text(), KESVersion: r["KLHST_WKS_RTP_AV_VERSION"].text(), GroupName: r["name"].text(), GroupPath: r["grp_full_name"].text(),
	}
	h.Status, h.StatusKnown = r["KLHST_WKS_STATUS"].integer()
	h.GroupID, _ = r["KLHST_WKS_GROUPID"].integer()
	h.Unassigned, _ = r["KLHST_WKS_FROM_UNASSIGNED"].boolean()
	h.IPv4, h.ConnectIPv4 = ipv4(r["KLHST_WKS_IP_LONG"]), ipv4(r["KLHST_WKS_CONNECT_IP_LONG"])
	return h
}
