// Command floor does with net/http alone what one isolateHost command makes
// of KSC: StartSession, AddIncident, UpdateIncident, EndSession. It checks
// nothing. The benchmarks measure kes-respond against it. With a number and
// another one it makes the two calls in the middle so often, so many at a time;
// with the word "look" after them it asks before each for the host's console
// tasks, as kes-respond does.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	pem, err := os.ReadFile(os.Getenv("kscCert"))
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64}}
	base := "https://" + os.Getenv("kscHost") + ":" + os.Getenv("kscPort") + "/api/v1.0/"
	post := func(method string, headers map[string]string, args any) any {
		body, err := json.Marshal(args)
		if err != nil {
			panic(err)
		}
		req, err := http.NewRequest(http.MethodPost, base+method, bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for name, value := range headers {
			req.Header.Set(name, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			panic(err)
		}
		var answer struct{ PxgRetVal any }
		if err := json.Unmarshal(data, &answer); err != nil {
			panic(err)
		}
		return answer.PxgRetVal
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	type object = map[string]any
	session := post("Session.StartSession", map[string]string{
		"Authorization": `KSCBasic user="` + b64(os.Getenv("kscUser")) + `", pass="` + b64(os.Getenv("kscPassword")) + `", internal="0"`,
	}, object{})
	in := map[string]string{"X-KSC-Session": fmt.Sprint(session)}
	incident := func(host string) any {
		id := post("HostGroup.AddIncident", in, object{"pData": object{
			"KLINCDT_SEVERITY": 2, "KLHST_WKS_HOSTNAME": host,
			"KLINCDT_ADDED": object{"type": "datetime", "value": time.Now().UTC().Format("2006-01-02T15:04:05Z")},
			"KLINCDT_BODY":  `{"targetHost":"` + host + `","task":"isolateHost","params":{"action":1},"responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`,
		}})
		post("HostGroup.UpdateIncident", in, object{"nId": id, "pData": object{"KLHST_WKS_HOSTNAME": host, "KLINCDT_IS_HANDLED": false}})
		return id
	}
	one := incident
	if len(os.Args) == 4 && os.Args[3] == "look" {
		one = func(host string) any {
			post("Tasks.GetAllTasksOfHost", in, object{"strDomainName": "", "strHostName": host})
			return incident(host)
		}
	}
	if len(os.Args) >= 3 {
		loop(os.Args[1], os.Args[2], one)
	} else {
		fmt.Println(incident("host"))
	}
	post("Session.EndSession", in, object{})
}

// loop calls one so often, so many at a time.
func loop(often, atOnce string, one func(host string) any) {
	n, err := strconv.Atoi(often)
	if err != nil {
		panic(err)
	}
	flight, err := strconv.Atoi(atOnce)
	if err != nil {
		panic(err)
	}
	numbers := make(chan int)
	var all sync.WaitGroup
	for range flight {
		all.Go(func() {
			for i := range numbers {
				one("host-" + strconv.Itoa(i))
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	all.Wait()
}
