package postgres

import "time"

// Patient has those behind a statement wait for it so long before they have it cancelled.
func (p *Pool) Patient(d time.Duration) { p.patience = d }
