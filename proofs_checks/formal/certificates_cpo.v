(** What a certificate of the constrained optimum rests on; the rest of [certificates.v]. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype finset bigop.
From Interval Require Import Tactic.
From Formal Require Import definitions sums softplus ch1_rlhf pinsker definitions_cpo claims_cpo ch7_hard certificates.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Constrained.
Variables (k : nat) (W r : seq R) (beta m : R) (cs : seq (nat * nat * R)) (P : seq R).
Hypotheses (W_pos : each k (fun y => 0 < nth 0 W y)) (some : (0 < k)%N) (beta_pos : 0 < beta) (cs_ok : within k cs).
Hypothesis cs_nonnegative : foldr (fun t Q => 0 <= t.2 /\ Q) True cs.
Notation star := (pi_star (normalised (@listed k W)) (listed r) beta).
Notation E := (@labelled k cs).
Notation lam := (@labels k cs).
Notation margins := (fun _ _ : 'I_k => m).
Notation p := (@listed k P).

Lemma lam_multipliers : multipliers E lam.
Proof.
move=> w l; rewrite /labels /labelled; elim: cs cs_nonnegative => [_|t rest ih [ht hr]] /=; first by split; lra.
have [ih1 ih2] := ih hr; case: ifP => _ /=; split=> //; try lra.
by move=> none; rewrite ih2 //; lra.
Qed.

(** the pull on the log-probability of [y] *)
Definition written_pull y := over cs (fun w l => unit w y - exp m * unit l y).

Lemma pull_written (y : 'I_k) : pull margins lam y = written_pull y.
Proof.
rewrite /written_pull -(over_sum (fun w l => unit w y - exp m * unit l y) cs_ok) /pull.
transitivity (\Sum_w \Sum_l (lam w l * unit w y) - \Sum_w \Sum_l (lam w l * (exp m * unit l y))).
  congr (_ - _).
    rewrite -(sum_at (fun w => \Sum_l lam w l) y); apply: eq_bigr => w _.
    rewrite /unit eqbE -val_eqE; case: ifP => _; first by apply: eq_bigr => l _; lra.
    by rewrite big1 // => l _; lra.
  apply: eq_bigr => w _; rewrite -(sum_at (fun l => exp m * lam w l) y); apply: eq_bigr => l _.
  by rewrite /unit eqbE -val_eqE; case: ifP => _; lra.
by rewrite -sum2B; apply: eq_sum2 => w l; lra.
Qed.

Notation mass := (upto k (weight W beta r)).
Definition dual_mass := upto k (fun y => weight W beta r y * exp (written_pull y)).

Lemma weight_positive (y : 'I_k) : 0 < weight W beta r y.
Proof. by apply: Rmult_lt_0_compat; [exact: (eachP W_pos)|exact: exp_pos]. Qed.

Lemma mass_positive : 0 < mass.
Proof. by rewrite -upto_sum; exact: (mass_pos (Ordinal some) weight_positive). Qed.

Lemma star_is y : star y = weight W beta r y / mass. Proof. exact: star_written. Qed.

Lemma tilted_mass_written : tilted_mass margins star lam = dual_mass / mass.
Proof.
rewrite /tilted_mass /dual_mass -(upto_sum k (fun y => weight W beta r y * exp (written_pull y))) /Rdiv
  Rmult_comm -sumZ.
by apply: eq_bigr => y _; rewrite star_is pull_written; have := mass_positive => h; field; lra.
Qed.

Hypotheses (P_pos : each k (fun y => 0 < nth 0 P y)) (P_mass : upto k (nth 0 P) = 1).
Hypothesis P_feasible : foldr (fun t Q => exp m * nth 0 P t.1.2 <= nth 0 P t.1.1 /\ Q) True cs.

Lemma feasible_written : feasible E margins p.
Proof.
split; first split.
- by move=> y; exact/Rlt_le/(eachP P_pos).
- by rewrite -P_mass -upto_sum.
move=> w l; rewrite /labelled /listed; elim: cs P_feasible => //= t rest ih [ht hr] /orP [/andP [/eqP <- /eqP <-] //|].
exact: ih.
Qed.

Lemma KL_written : KL p star = upto k (fun y => nth 0 P y * (ln (nth 0 P y) - ln (nth 0 W y) - nth 0 r y /
  beta)) + ln mass.
Proof.
have sum1 : \Sum_y p y = 1 by rewrite -P_mass -upto_sum.
rewrite -upto_sum -[ln mass]Rmult_1_r -sum1 -sumZ -sumD; apply: eq_bigr => y _.
have hp := eachP P_pos y; have hw := weight_positive y; have hm := mass_positive; have hW := eachP W_pos y.
rewrite star_is ln_div //; last exact: div_pos.
by rewrite (ln_div hw hm) /weight (ln_mult _ _ hW (exp_pos _)) ln_exp /listed; ring.
Qed.

(** ** A feasible policy and multipliers: what they prove of the constrained optimum *)
Theorem certified_projection gap :
  upto k (fun y => nth 0 P y * (ln (nth 0 P y) - ln (nth 0 W y) - nth 0 r y / beta)) + ln dual_mass <= gap ->
  feasible E margins p /\
  (forall q, feasible E margins q -> J (normalised (listed W)) (listed r) beta q
     <= J (normalised (listed W)) (listed r) beta p + beta * gap) /\
  forall q, projection E margins star q -> (\Sum_y Rabs (p y - q y)) ^ 2 <= 2 * gap.
Proof.
move=> small; have hf := feasible_written; have href := ref_full W_pos some.
have hs : full star := star_full (listed r) beta href.
have [_ [below near]] := hard_gap_proved hs lam_multipliers hf.
have hd : 0 < dual_mass.
  rewrite /dual_mass -(upto_sum k (fun y => weight W beta r y * exp (written_pull y))).
  apply: (mass_pos (Ordinal some)) => y; apply: Rmult_lt_0_compat; [exact: weight_positive|exact: exp_pos].
have le : KL p star + ln (tilted_mass margins star lam) <= gap.
  by rewrite tilted_mass_written (ln_div hd mass_positive) KL_written; lra.
split=> //; split=> [q hq|q /near [_ h2]]; last lra.
rewrite !(J_is_V_less_KL _ href beta_pos); [|exact: hf.1|exact: hq.1].
have := below q hq; have : beta * (KL p star - KL q star) <= beta * gap; last lra.
by apply: Rmult_le_compat_l; [lra|have := below q hq; lra].
Qed.
End Constrained.

Ltac constrained_numbers := cbn [upto each over nth fst snd unit Nat.eqb foldr weight written_pull dual_mass];
  rewrite ?exp_0;
  repeat split; try lra; interval with (i_prec 100).
