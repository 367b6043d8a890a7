"""Look-up of somebody by name and birth date, encoded here and answered by the platform without either."""
