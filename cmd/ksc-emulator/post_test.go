package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// post is a foreign client: "post READY CERT AUTHORIZATION METHOD BODY [METHOD BODY]..." sends the calls over one connection,
// the header with the first of them only, and prints status and answer of each. A body @FILE is read from a file, and each
// SESSION in a body's place of METHOD, as SESSION:METHOD, goes by the session id that an earlier call returned.
func post() {
	if err := postAll(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "post:", err)
		os.Exit(1)
	}
}

func postAll(args []string) error {
	addr, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cert) {
		return fmt.Errorf("%s holds no certificate", args[1])
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxConnsPerHost: 1}}
	auth, session := args[2], ""
	for i := 3; i+1 < len(args); i += 2 {
		method, bySession := strings.CutPrefix(args[i], "SESSION:")
		body := args[i+1]
		if file, ok := strings.CutPrefix(body, "@"); ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			body = string(b)
		}
		r, err := http.NewRequest(http.MethodPost, "https://"+strings.TrimSpace(string(addr))+"/api/v1.0/"+method, strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		if i == 3 && auth != "" {
			r.Header.Set("Authorization", auth)
		}
		if bySession {
			r.Header.Set("X-KSC-Session", session)
		}
		a, err := c.Do(r)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil {
			return err
		}
		if method == "Session.StartSession" {
			session = strings.TrimSuffix(strings.TrimPrefix(string(b), `{"PxgRetVal":"`), `"}`)
		}
		fmt.Println(method, a.StatusCode, string(b))
	}
	return nil
}
