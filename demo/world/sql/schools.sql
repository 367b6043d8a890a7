-- Management information of the schools. Wall clock of London, without zone.
CREATE SCHEMA mis;
CREATE TABLE mis.pupil (
  pupil_no varchar(12) PRIMARY KEY,
  upn varchar(13),
  forename varchar(60) NOT NULL,
  middle_name varchar(80),
  surname varchar(60) NOT NULL,
  dob date,
  ethnicity char(1),
  school_code smallint NOT NULL,
  address_withheld boolean NOT NULL,
  enrolled_on date NOT NULL,
  left_on date
);
CREATE TABLE mis.pupil_home (
  pupil_no varchar(12) PRIMARY KEY,
  house_no varchar(40),
  street varchar(80),
  postcode varchar(9),
  home_type char(1) NOT NULL,
  since date NOT NULL
);
CREATE TABLE mis.attendance_mark (
  pupil_no varchar(12) NOT NULL REFERENCES mis.pupil,
  mark_date date NOT NULL,
  seq smallint NOT NULL,
  mark varchar(4) NOT NULL,
  marked_at timestamp NOT NULL,
  entered_at timestamp NOT NULL,
  PRIMARY KEY (pupil_no, mark_date, seq)
);
CREATE TABLE mis.exclusion (
  exclusion_no integer PRIMARY KEY,
  pupil_no varchar(12) NOT NULL REFERENCES mis.pupil,
  starts_at timestamp NOT NULL,
  days numeric(4,1) NOT NULL,
  reason varchar(4) NOT NULL,
  entered_at timestamp NOT NULL
);
CREATE TABLE mis.welfare_log (
  log_no varchar(12) PRIMARY KEY,
  pupil_no varchar(12) NOT NULL REFERENCES mis.pupil,
  logged_at timestamp NOT NULL,
  category varchar(6) NOT NULL,
  detail text,
  entered_at timestamp NOT NULL
);
CREATE TABLE mis.sightline_heartbeat (
  id integer PRIMARY KEY,
  beat_at timestamptz NOT NULL
);
