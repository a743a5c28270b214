package ksc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// hostFilter gives the filter for a name, and the comparison that what comes
// back must pass.
func hostFilter(by By, name string) (string, func(row) bool, error) {
	if by != ByIP {
		fields := attributes(by)
		filter, err := anyOf(name, fields...)
		return filter, func(r row) bool {
			return slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(r[f].text(), name) })
		}, err
	}
	ip, err := netip.ParseAddr(name)
	if err != nil || !ip.Is4() || ip.IsUnspecified() {
		return "", nil, errors.New("is no IPv4 address")
	}
	b := ip.As4()
	n := binary.BigEndian.Uint32(b[:])
	return fmt.Sprintf("(|(KLHST_WKS_IP_LONG=%d)(KLHST_WKS_CONNECT_IP_LONG=%d))", n, n), func(r row) bool {
		return ipv4(r["KLHST_WKS_IP_LONG"]) == ip || ipv4(r["KLHST_WKS_CONNECT_IP_LONG"]) == ip
	}, nil
}

// contradicted refuses a host found by its address whose other attributes give
// it that address with the bytes the other way round: in which order KSC
// counts them is documented nowhere, and 10.1.2.9 and 9.2.1.10 are two hosts.
func contradicted(method, address string, r row) error {
	ip, err := netip.ParseAddr(address)
	if other := reversed(ip); err != nil || other == ip || !saysOf(r, other) {
		return nil
	}
	return unusable(method, fmt.Sprintf("KSC seems to count the bytes of an address the other way round: the host that it gives for %s looks like that of %s. "+
		"Look it up by its name or id", ip, reversed(ip)))
}

// olderAddress is an attribute that other clients read with the lowest byte
// first, where the reference does not tell.
const olderAddress = "KLHST_WKS_IP"

// saysOf says that a host's other attributes give it this address: as the
// older number, or as text, which is also what a host without a name is called
// by.
func saysOf(r row, ip netip.Addr) bool {
	if reversed(ipv4(r[olderAddress])) == ip {
		return true
	}
	return slices.ContainsFunc(append(attributes(ByAny), olderAddress), func(name string) bool { return r[name].text() == ip.String() })
}

// reversed is an IPv4 address with its bytes the other way round.
func reversed(ip netip.Addr) netip.Addr {
	if !ip.Is4() {
		return netip.Addr{}
	}
	b := ip.As4()
	slices.Reverse(b[:])
	return netip.AddrFrom4(b)
}

// ipv4 reads an address written as a number, most significant byte first;
// from 128.0.0.0 on it may come as a negative one. The zero Addr says that
// there is none.
func ipv4(v value) netip.Addr {
	n, ok := v.integer()
	if !ok || n == 0 || n < math.MinInt32 || n > math.MaxUint32 {
		return netip.Addr{}
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b)
}
