package platforms

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wazuh plays the part of Wazuh's execd: one line on a standard input that stays
// open, and an answer where the program asks about its keys.
func (s *site) wazuh(t *testing.T, line, answer string) (log string, asked string) {
	t.Helper()
	logs := filepath.Join(s.pkg, "logs", "active-responses.log")
	write(t, logs, "")
	cmd := exec.Command(filepath.Join(s.pkg, "active-response/bin/kes-respond-wazuh"))
	cmd.Env = append(s.environment(), "KES_RESPOND_CONFIG="+filepath.Join(s.dir, "config", "config.yaml"))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = in.Write([]byte(line + "\n")) // and no end of file
	require.NoError(t, err)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		asked += lines.Text()
		_, err = in.Write([]byte(answer + "\n"))
		require.NoError(t, err)
	}
	cmd.Wait()
	in.Close()
	log = read(t, logs)
	assert.NotContains(t, log+asked, password)
	return log, asked
}

// wazuhReply is what stands in the log behind the time and the program's name.
func wazuhReply(t *testing.T, log string) map[string]any {
	t.Helper()
	_, reply, ok := strings.Cut(log, "kes-respond-wazuh: ")
	require.True(t, ok, log)
	var r map[string]any
	require.NoError(t, json.Unmarshal([]byte(reply), &r), log)
	return r
}

func wazuhLine(t *testing.T, command string, extra ...string) string {
	return text(t, map[string]any{
		"version": 1, "origin": map[string]any{"name": "node01", "module": "wazuh-execd"}, "command": command,
		"parameters": map[string]any{
			"extra_args": extra, "program": "active-response/bin/kes-respond-wazuh",
			"alert": map[string]any{"id": "1700000000.1", "agent": map[string]any{"id": "001", "name": "PC-12"}, "syscheck": map[string]any{"path": `c:\temp\a b.exe`}, "hosts": []string{"PC-12", "PC-13"}},
		},
	})
}

func TestWazuhRunsEveryCommandOfItsConfiguration(t *testing.T) {
	t.Parallel()
	s := newSite(t, "wazuh")
	s.configured(t)
	var conf struct {
		Command []struct {
			Name       string `xml:"name"`
			Executable string `xml:"executable"`
			Extra      string `xml:"extra_args"`
		} `xml:"command"`
		Response []struct {
			Disabled string `xml:"disabled"`
			Command  string `xml:"command"`
			Location string `xml:"location"`
		} `xml:"active-response"`
	}
	require.NoError(t, xml.Unmarshal([]byte(read(t, filepath.Join(s.pkg, "ossec-kes-respond.conf"))), &conf))
	require.Len(t, conf.Command, 9)
	require.Len(t, conf.Response, 9)
	indicators := filepath.Join(s.dir, "i.ioc")
	write(t, indicators, `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition/></ioc>`)
	looked := s.watched(t)
	for i, c := range conf.Command {
		assert.Equal(t, "kes-respond-wazuh", c.Executable)
		assert.Equal(t, "yes", conf.Response[i].Disabled, "off until a person has chosen the rules")
		assert.Equal(t, "server", conf.Response[i].Location)
		extra := strings.Fields(strings.ReplaceAll(c.Extra, "/etc/kes-respond/indicators.zip", indicators))
		log, _ := s.wazuh(t, wazuhLine(t, "add", append(extra, "dryRun=true")...), "")
		assert.Contains(t, log, `"outcome":"planned"`, c.Name)
		log, _ = s.wazuh(t, wazuhLine(t, "add", extra...), "")
		assert.Contains(t, log, `"outcome":"submitted"`, "%s: %s", c.Name, log)
	}
	looked()
	sent := s.incidents(t)
	require.Len(t, sent, 9)
	for _, body := range sent {
		assert.Equal(t, "id-of-pc-12", body["targetHost"])
	}
}

func TestWazuhTakesAStatefulResponseBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, "wazuh")
	s.configured(t)
	extra := []string{"isolateHost", "action=1", "stateful=true"}
	log, asked := s.wazuh(t, wazuhLine(t, "add", extra...), `{"version":1,"command":"abort"}`)
	assert.Contains(t, log, `"exit":0,"message":"Wazuh says that the same is under way already; nothing was sent"`)
	assert.JSONEq(t, `{"version":1,"origin":{"name":"kes-respond-wazuh","module":"active-response"},"command":"check_keys","parameters":{"keys":["PC-12"]}}`, asked)
	log, _ = s.wazuh(t, wazuhLine(t, "add", extra...), `{"version":1,"command":"continue"}`)
	assert.Contains(t, log, `"outcome":"submitted"`)
	log, asked = s.wazuh(t, wazuhLine(t, "delete", extra...), "")
	assert.Contains(t, log, `"outcome":"submitted"`)
	assert.Empty(t, asked)
	log, _ = s.wazuh(t, wazuhLine(t, "delete", "deleteFile", `path=c:\x.exe`, "md5hash=", "sha256hash="), "")
	assert.Contains(t, log, `"exit":0,"message":"this task leaves nothing that could be taken back; nothing was sent"`, "a deletion cannot be taken back")
	// 5.x, with its own words.
	five := `{"wazuh":{"active_response":{"name":"kes","executable":"kes-respond-wazuh","type":"stateful","stateful_timeout":60,"location":"local","extra_arguments":"isolateHost action=1 targetHost=@wazuh.agent.name"},"agent":{"name":"PC-13"}},"command":"enable","Command":"disable","COMMAND":"disable"}`
	log, asked = s.wazuh(t, five, `{"version":1,"command":"continue"}`)
	assert.Contains(t, log, `"outcome":"submitted"`)
	assert.Contains(t, asked, "PC-13")
	s.wazuh(t, strings.Replace(five, `"enable"`, `"disable"`, 1), "")
	var did []string
	for _, body := range s.incidents(t) {
		did = append(did, body["targetHost"].(string)+text(t, body["params"]))
	}
	assert.Equal(t, []string{`id-of-pc-12{"action":1}`, `id-of-pc-12{"action":0}`, `id-of-pc-13{"action":1}`, `id-of-pc-13{"action":0}`}, did)
}

// TestWazuhTakesBackWhatHasAKey: the same alert comes with both orders, and so
// does a key that is a field of it.
func TestWazuhTakesBackWhatHasAKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, "wazuh")
	s.configured(t)
	for name, key := range map[string]string{"a field": "@id", "as long as a key may be": strings.Repeat("k", 128), "a number": "4711"} {
		extra := []string{"isolateHost", "action=1", "stateful=true", "idempotencyKey=" + key, "allowDuplicate=true"}
		before := len(s.incidents(t))
		for range 2 { // a repeated order is still carried out once
			for _, command := range []string{"add", "delete"} {
				log, _ := s.wazuh(t, wazuhLine(t, command, extra...), `{"version":1,"command":"continue"}`)
				assert.Contains(t, log, `"outcome":"submitted"`, "%s: %s", name, command)
			}
		}
		sent := s.incidents(t)[before:]
		require.Len(t, sent, 2, name)
		assert.Equal(t, map[string]any{"action": 1.0}, sent[0]["params"])
		assert.Equal(t, map[string]any{"action": 0.0}, sent[1]["params"], "%s: the host is released", name)
	}
}

func TestWazuhSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "wazuh")
	s.configured(t)
	for line, says := range map[string]string{
		`no json`:                          "no line that Wazuh writes",
		`{}`:                               "names a task",
		wazuhLine(t, "add"):                "names a task",
		wazuhLine(t, "add", "makeCoffee"):  "is no task",
		wazuhLine(t, "add", "isolateHost"): "/params/action",
		wazuhLine(t, "restart", "isolateHost", "action=1"):                                          "is no command",
		wazuhLine(t, "add", "isolateHost", "action"):                                                "is not NAME=VALUE",
		wazuhLine(t, "add", "isolateHost", "action=1", "action=0"):                                  "stands twice",
		wazuhLine(t, "add", "isolateHost", "action=1", "targetHost=@agent.nosuch"):                  "has no field agent.nosuch",
		wazuhLine(t, "add", "isolateHost", "action=1", "targetHost=@hosts"):                         "names 2 hosts",
		wazuhLine(t, "add", "isolateHost", "action=1", "targetHost=@agent"):                         "/targetHost",
		strings.Replace(wazuhLine(t, "add", "isolateHost", "action=1"), "PC-12", `PC-12\nPC-13`, 1): "control character",
		strings.Replace(wazuhLine(t, "add", "isolateHost", "action=1"), "PC-12", "--dryRun", 1):     "knows no such host",
		strings.Replace(wazuhLine(t, "add", "isolateHost", "action=1"), `"PC-12"`, `""`, 1):         "/targetHost",
		wazuhLine(t, "delete", "isolateHost", "action=9"):                                           "/params/action",
		wazuhLine(t, "add", "isolateHost", "action=1", "targetHost=no-such-host"):                   "knows no such host",
		wazuhLine(t, "add", "iocScan", "ioc=/nosuch"):                                               "nosuch",
		wazuhLine(t, "add", "isolateHost", "action=1", "connection=x"):                              "connection cannot be given here",
		wazuhLine(t, "add", "isolateHost", "action=1", "task=deleteFile"):                           "task cannot be given here",
		strings.Replace(wazuhLine(t, "add", "isolateHost", "action=1"), "PC-12", "<no value>", 1):   "no such field",
	} {
		log, _ := s.wazuh(t, line, "")
		assert.Contains(t, log, says, line)
	}
	assert.Empty(t, s.incidents(t))
	require.NoError(t, os.Remove(filepath.Join(s.pkg, "logs", "active-responses.log")))
}
