package ksctest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"time"
)

// Host is one endpoint computer. The plain members are a short form of the KSC attributes of the same meaning; Attributes
// hold any others under KSC's names, in wire form (a datetime as {"type":"datetime","value":"..."}), and win over both
// the short form and the defaults. A null there takes an attribute away.
type Host struct {
	ID         string                    `json:"id"`                // KLHST_WKS_HOSTNAME, made by the server
	DN         string                    `json:"dn,omitempty"`      // display name; the NetBIOS name, else the id, when absent
	FQDN       string                    `json:"fqdn,omitempty"`    // KLHST_WKS_FQDN and KLHST_WKS_DNSNAME
	NetBIOS    string                    `json:"netbios,omitempty"` // KLHST_WKS_WINHOSTNAME
	IP         string                    `json:"ip,omitempty"`      // IPv4, as KLHST_WKS_IP_LONG in host byte order and KLHST_WKS_IP in the other (judgement)
	OS         string                    `json:"os,omitempty"`
	Group      int                       `json:"group,omitempty"`
	Status     *int                      `json:"status,omitempty"`   // bits of KSCAPI a00275; 29 when absent
	Products   map[string]map[string]any `json:"products,omitempty"` // product, version, data; KES 12.9 and the Agent when absent
	Attributes map[string]any            `json:"attributes,omitempty"`
}

// defaultStatus is visible, Agent installed, Agent alive, protection installed.
const defaultStatus = 29

func (h Host) row(now time.Time) (row, error) {
	if h.ID == "" {
		return nil, fmt.Errorf("a host of the inventory has no id")
	}
	status := int64(defaultStatus)
	if h.Status != nil {
		status = int64(*h.Status)
	}
	r := row{
		"KLHST_WKS_HOSTNAME": h.ID, "KLHST_WKS_STATUS": status, "KLHST_WKS_STATUS_ID": int64(0), "KLHST_WKS_RTP_STATE": int64(4),
		"KLHST_WKS_EDR_STATUS": int64(4), "KLHST_WKS_GROUPID": int64(h.Group), "KLHST_WKS_FROM_UNASSIGNED": false,
		"KLHST_WKS_RBT_REQUIRED": false, "KLHST_WKS_NAG_VERSION": "15.2.0.0", "KLHST_WKS_RTP_AV_VERSION": "12.9.0.0",
		"KLHST_WKS_OS_NAME":      "Microsoft Windows 11",
		"KLHST_WKS_LAST_VISIBLE": wrapTime(now), "KLHST_WKS_LAST_NAGENT_CONNECTED": wrapTime(now), "KLHST_WKS_LAST_INFOUDATE": wrapTime(now),
	}
	for _, short := range []struct{ name, value string }{
		{"KLHST_WKS_DN", h.ID},
		{"KLHST_WKS_DN", h.NetBIOS},
		{"KLHST_WKS_DN", h.DN},
		{"KLHST_WKS_OS_NAME", h.OS},
		{"KLHST_WKS_FQDN", h.FQDN},
		{"KLHST_WKS_DNSNAME", h.FQDN},
		{"KLHST_WKS_WINHOSTNAME", h.NetBIOS},
	} {
		if short.value != "" {
			r[short.name] = short.value
		}
	}
	if h.IP != "" {
		a, err := netip.ParseAddr(h.IP)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("host %s: %q is no IPv4 address", h.ID, h.IP)
		}
		b := a.As4()
		n := wrap("long", int64(binary.BigEndian.Uint32(b[:])))
		r["KLHST_WKS_IP_LONG"], r["KLHST_WKS_CONNECT_IP_LONG"] = n, n
		r["KLHST_WKS_IP"] = int64(int32(binary.LittleEndian.Uint32(b[:]))) // an int; two public clients read the lowest byte first
	}
	for name, v := range h.Attributes {
		if v == nil && name != "KLHST_WKS_HOSTNAME" {
			delete(r, name)
			continue
		}
		var ok bool
		if r[name], ok = clean(v); !ok || name == "KLHST_WKS_HOSTNAME" && v != h.ID {
			return nil, fmt.Errorf("host %s: attribute %s cannot have this value", h.ID, name)
		}
	}
	return r, nil
}

// productRow gives products in wire form: each level is wrapped (GetHostProducts).
func (h Host) productRow(now time.Time) (row, error) {
	products := h.Products
	if products == nil {
		products = map[string]map[string]any{
			"KES":  {"12.9.0.0": map[string]any{"DisplayName": "Kaspersky Endpoint Security for Windows", "InstallTime": wrapTime(now)}},
			"1103": {"15.2.0.0": map[string]any{"DisplayName": "Kaspersky Security Center Network Agent", "InstallTime": wrapTime(now)}},
		}
	}
	out := row{}
	for name, versions := range products {
		level := row{}
		for version, data := range versions {
			m, ok := data.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("host %s: data of product %s must be an object", h.ID, name)
			}
			if err := checkParams(name, m); err != nil {
				return nil, fmt.Errorf("host %s: products: %w", h.ID, err)
			}
			level[version] = wrap("params", maps.Clone(m))
		}
		out[name] = wrap("params", level)
	}
	return out, nil
}

func (s *Server) loadHosts(hosts []Host) error {
	for _, h := range hosts {
		r, err := h.row(s.now())
		if err != nil {
			return err
		}
		if s.products[h.ID] != nil {
			return fmt.Errorf("host %s is in the inventory twice", h.ID)
		}
		if s.products[h.ID], err = h.productRow(s.now()); err != nil {
			return err
		}
		s.hosts = append(s.hosts, r)
	}
	return nil
}
