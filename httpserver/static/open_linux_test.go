package static

import "testing"

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	d, err := openFolder(dir, false)
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	f, err := d.openOld(".")
	if err != nil {
		b.Fatal(err)
	}
	f.Close()
	for name, open := range map[string]func(string) (interface{ Close() error }, error){
		"openat2": func(n string) (interface{ Close() error }, error) { return d.open(n) },
		"root":    func(n string) (interface{ Close() error }, error) { return d.openOld(n) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f, err := open(".")
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}
