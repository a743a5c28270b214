package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/png" // what the browser makes
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// browser is Chromium without a window, whose way into any network ends here.
type browser struct {
	program, dir string
	proxy        string
	mu           sync.Mutex
	asked        []string // the hosts that it wanted
}

// evil is a host that only pages of ours would ask for.
const evil = "evil.example"

func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{dir: t.TempDir()}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			b.program = path
			break
		}
	}
	if b.program == "" {
		if os.Getenv("KES_RESPOND_TEST_ALL") != "" {
			t.Fatal("chromium is missing")
		}
		t.Skip("no chromium: no browser has looked at the page")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.proxy = listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = append(b.asked, r.Host)
		w.WriteHeader(http.StatusBadGateway)
	})}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
	return b
}

// wanted says whether the browser asked for a host since it was last asked.
func (b *browser) wanted(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.asked = nil }()
	return strings.Contains(strings.Join(b.asked, " "), host)
}

// open opens a page and gives what goes to standard output, and what a script
// or the browser itself has said on the page's console.
func (b *browser) open(t *testing.T, page string, args ...string) (out string, console []string) {
	t.Helper()
	profile, err := os.MkdirTemp(b.dir, "profile")
	require.NoError(t, err)
	file := filepath.Join(profile, "page.html")
	require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args = append([]string{
		"--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--user-data-dir=" + profile, "--proxy-server=http://" + b.proxy, "--enable-logging=stderr", "--virtual-time-budget=3000",
	}, args...)
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium's sandbox refuses root
	}
	cmd := exec.CommandContext(ctx, b.program, append(args, "file://"+file)...)
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if !errors.Is(err, exec.ErrWaitDelay) {
		require.NoError(t, err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console = append(console, line)
		}
	}
	return stdout.String(), console
}

// shot is the page as it looks.
func (b *browser) shot(t *testing.T, page, size string, args ...string) image.Image {
	t.Helper()
	path := filepath.Join(b.dir, "shot.png")
	b.open(t, page, append(args, "--window-size="+size, "--screenshot="+path)...)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	defer os.Remove(path)
	img, _, err := image.Decode(f)
	require.NoError(t, err)
	return img
}

// share is the part of an image that is light, and how many colours it has.
func share(img image.Image) (light float64, colours int) {
	seen, n, all := map[[3]uint32]bool{}, 0, 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
			if all++; r+g+b > 3*0x8000 {
				n++
			}
		}
	}
	return float64(n) / float64(all), len(seen)
}

// TestInABrowser: the page opens, is what it should be, complains of nothing,
// and asks no network for anything, in spite of what stands in it.
func TestInABrowser(t *testing.T) {
	b := newBrowser(t)
	page := drawn(t, week(200, "http://"+evil+"/x"))

	dom, console := b.open(t, page, "--dump-dom")
	assert.Empty(t, console)
	assert.False(t, b.wanted(evil))
	root, err := html.Parse(strings.NewReader(dom))
	require.NoError(t, err)
	title := ""
	for n := range root.Descendants() {
		if n.Data == "title" && n.FirstChild != nil {
			title = n.FirstChild.Data
		}
	}
	assert.Equal(t, "Response report: soc-1, 2026-11-20T12:00:00Z to 2026-11-27T12:00:00Z", title)
	assert.Len(t, rows(t, dom), 201)

	light, colours := share(b.shot(t, page, "400,1300"))
	assert.Greater(t, light, 0.7)
	assert.Greater(t, colours, 200, "a page without charts has about ten, and the edges of letters")
	light, colours = share(b.shot(t, page, "1040,1300", "--blink-settings=preferredColorScheme=0"))
	assert.Less(t, light, 0.3, "dark where that is preferred")
	assert.Greater(t, colours, 200)
	assert.False(t, b.wanted(evil))

	// Without the page's policy and its escapes all of that is seen: these
	// checks can fail.
	spoiled := regexp.MustCompile(`<meta http-equiv[^>]*>`).ReplaceAllString(page, "")
	spoiled = strings.Replace(spoiled, "</main>", `<script>console.error("ran")</script><img src="http://`+evil+`/x"></main>`, 1)
	_, console = b.open(t, spoiled, "--dump-dom")
	assert.Contains(t, strings.Join(console, ""), "ran")
	assert.True(t, b.wanted(evil))
	spoiled = strings.Replace(page, "</main>", `<script>document.title="ran"</script><img src="http://`+evil+`/x"></main>`, 1)
	dom, console = b.open(t, spoiled, "--dump-dom")
	assert.NotContains(t, dom, "<title>ran", "the policy is a wall of its own")
	assert.NotEmpty(t, console)
	assert.False(t, b.wanted(evil))
}
