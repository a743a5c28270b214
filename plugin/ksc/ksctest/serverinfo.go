package ksctest

import (
	"strconv"
	"strings"
)

func serverMethods() map[string]method {
	values := arg{"pValues", kindNames, may}
	return map[string]method{
		"HostGroup.GetStaticInfo":  {[]arg{values}, getStaticInfo},
		"HostGroup.GetRunTimeInfo": {[]arg{values}, getRunTimeInfo},
	}
}

func getStaticInfo(c *call) (answer, error) {
	return answer{"PxgRetVal": pick(row{
		"KLADMSRV_IS_VIRTUAL": false, "KLADMSRV_VSID": 0, "KLADMSRV_GRP_ROOT": 0, "KLADMSRV_USERID": 1,
		"KLADMSRV_SERVER_VERSION_ID": c.major(), "KLADMSRV_PRODUCT_FULL_VERSION": c.opts.ServerVersion,
		"KLADMSRV_PRODUCT_VERSION": c.opts.ServerVersion, "KLADMSRV_PRODUCT_NAME": "Kaspersky Security Center (emulated)",
		"KLADMSRV_SERVER_HOSTNAME": "ksc.example",
	}, c.names("pValues"))}, nil
}

// major is the first number of the server's version, 0 where there is none.
func (s *Server) major() int {
	first, _, _ := strings.Cut(s.opts.ServerVersion, ".")
	n, _ := strconv.Atoi(first)
	return n
}

// getRunTimeInfo knows no values: their names are not documented.
func getRunTimeInfo(*call) (answer, error) { return answer{"PxgRetVal": row{}}, nil }
